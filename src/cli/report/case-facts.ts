/** A case as the API tells it, as reports want it. */
import type { CaseView } from "../../protocol/index.ts";
import type { CaseFacts } from "../../reports/index.ts";

export function caseFacts(it: CaseView): CaseFacts {
  return {
    test_id: it.test_id,
    file: it.file,
    name: it.name,
    outcome: it.outcome,
    duration_ms: it.duration_ms,
    parameters: it.parameters ?? undefined,
    message: it.message ?? undefined,
    detail: it.detail ?? undefined,
    stdout: it.stdout ?? undefined,
    stderr: it.stderr ?? undefined,
    retries: it.retries ?? undefined,
    expected_failure: it.expected_failure ?? undefined,
  };
}
