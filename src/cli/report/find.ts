/**
 * Which report is meant: a file by its path; a run by its id, from what is kept for this folder or from a
 * coordinator; without a name the last run of this folder, or of the coordinator.
 */
import { readFile } from "node:fs/promises";
import type { Client } from "../../client/index.ts";
import { readReport, compareRuns, type ReportRefusal, type RunReport } from "../../reports/index.ts";
import { clientFor, type Target } from "../connection.ts";
import { CliError, infrastructure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { coordinatorFlag } from "../run/run.ts";
import { keptReports } from "./kept.ts";
import { pastReport, previousReport } from "./past-run.ts";

export interface FoundReport {
  report: RunReport;
  coordinator: { flag: string } | null;
}

/** @throws CliError when there is none */
export async function findReport(name: string | undefined, target: Target): Promise<FoundReport> {
  if (name !== undefined && /\.json$|[\\/]/.test(name)) return fromFile(name);
  const isNamed = target.coordinator !== undefined || target.dataDir !== undefined;
  if (!isNamed) {
    const kept = await keptReports(process.cwd()).find((it) => name === undefined || it.run.run_id === name);
    if (kept !== null) return { report: kept, coordinator: null };
  }
  try {
    return { report: await fromCoordinator(name, target), coordinator: { flag: coordinatorFlag(target) } };
  } catch (error) {
    const isNobody = error instanceof Error && "code" in error && error.code === "unreachable";
    if (isNamed || !isNobody) throw error;
    throw missing(name === undefined ? "no run of this folder is kept" : `no run ${name} is kept here`);
  }
}

function missing(what: string): CliError {
  return infrastructure(
    "report_missing",
    `${what}, and no coordinator answers on this machine`,
    "run testyard run here first, or name a yard with --coordinator",
  );
}

async function fromCoordinator(name: string | undefined, target: Target): Promise<RunReport> {
  const client = await clientFor(target);
  const run = name === undefined ? await lastRun(client) : await client.run(name);
  const [report, earlier] = [
    await pastReport(client, run, { logTails: "fetch" }),
    await previousReport(client, run.run_id),
  ];
  return { ...report, previous: earlier === null ? null : compareRuns(report, earlier) };
}

async function lastRun(client: Client): ReturnType<Client["run"]> {
  const [run] = (await client.runs({ limit: 1 })).items;
  if (run !== undefined) return run;
  throw infrastructure("report_missing", `no run is known at ${client.url}`, "start one with testyard run");
}

async function fromFile(path: string): Promise<FoundReport> {
  return { report: await readReportFile(path), coordinator: null };
}

/** @throws CliError */
export async function readReportFile(path: string): Promise<RunReport> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    const message = error.code === "ENOENT" ? `${path} does not exist` : `${path}: ${error.message}`;
    throw new CliError({ code: "report_missing", exit: EXIT.usage, message, next: "name a report.json" });
  });
  const read = readReport(path, text);
  if (read.ok) return read.report;
  throw refused(read.error);
}

const NEXT: Readonly<Record<ReportRefusal["code"], string>> = {
  report_unreadable: "name a report.json that --report json has written",
  report_version: "read it with the version of testyard that wrote it",
  report_conflict: "leave one of these files out",
};

export function refused({ code, message, details }: ReportRefusal): CliError {
  return new CliError({ code, exit: EXIT.usage, message, next: NEXT[code], details });
}
