// Runs oxlint with one of our configurations and makes sure that it looked at something: a linter that saw no
// file reports no problem either.
import { bin, run } from "./process.mjs";

/** Resolves to { problems: [{ path, line, message, rule }], files }; throws when oxlint itself failed. */
export async function oxlint(config, paths, flags = []) {
  const args = ["--config", config, "--disable-nested-config", "--format", "json", ...flags, ...paths];
  const { stdout, stderr } = await run(bin("oxlint"), args);
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    throw new Error(`oxlint gave no report: ${stdout}${stderr}`);
  }
  if (!(report.number_of_files > 0)) throw new Error(`oxlint saw no file in ${paths.join(" ")}`);
  return { files: report.number_of_files, problems: report.diagnostics.map(toProblem) };
}

function toProblem({ message, code, filename, labels, help }) {
  const span = labels[0]?.span;
  const text = help && !message.includes(help) ? `${message} ${help}` : message;
  return { path: filename, line: span?.line ?? 1, message: text, rule: code };
}

export const printed = (problems) =>
  problems.map(({ path, line, message, rule }) => `${path}:${line} ${message} [${rule}]`).join("\n");
