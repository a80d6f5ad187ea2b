/**
 * The report for programs: the model itself, with the name of its schema and a version that only ever
 * rises.
 */
import type { RunReport } from "./model.ts";

const REPORT_SCHEMA = "urn:testyard:run-report:v1";
const REPORT_VERSION = 1;

export function toJson(report: RunReport): string {
  const text = JSON.stringify({ $schema: REPORT_SCHEMA, version: REPORT_VERSION, ...report }, null, 2);
  return `${text}\n`;
}
