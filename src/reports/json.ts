/**
 * The report for programs: the model itself, with the name of its schema and a version that rises when a
 * reader must change. Fields may be added within a version; a reader passes over what it does not know.
 */
import type { RunReport } from "./model.ts";

export const REPORT_SCHEMA = "urn:testyard:run-report:v1";
export const REPORT_VERSION = 1;

export function toJson(report: RunReport): string {
  const text = JSON.stringify({ $schema: REPORT_SCHEMA, version: REPORT_VERSION, ...report }, null, 2);
  return `${text}\n`;
}
