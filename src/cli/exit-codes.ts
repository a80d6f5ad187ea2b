/** What the program ends with. Scripts build on these numbers: they do not change. */
export const EXIT = {
  passed: 0,
  testsFailed: 1,
  usage: 2,
  infrastructure: 3,
  authentication: 4,
  waitTimedOut: 5,
  nothingRan: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * When several apply. What keeps a person from knowing comes before what they would have known: a failed test
 * means little when half of the machines were out of reach.
 */
const FIRST_TO_LAST = [
  EXIT.interrupted,
  EXIT.authentication,
  EXIT.infrastructure,
  EXIT.usage,
  EXIT.waitTimedOut,
  EXIT.nothingRan,
  EXIT.testsFailed,
] as const;

export function exitOf(codes: readonly ExitCode[]): ExitCode {
  return FIRST_TO_LAST.find((code) => codes.includes(code)) ?? EXIT.passed;
}

export const EXIT_CODES: readonly { code: ExitCode; means: string; next: string }[] = [
  { code: EXIT.passed, means: "All passed; of a command that runs nothing: it was done.", next: "Nothing." },
  {
    code: EXIT.testsFailed,
    means: "A test failed or timed out, or a task did not succeed; of verify: something is lost.",
    next: "Read the summary; testyard logs ID shows what a task printed.",
  },
  {
    code: EXIT.usage,
    means: "The command line, a configuration file or what was asked for is wrong.",
    next: "The message names the place; --help has examples.",
  },
  {
    code: EXIT.infrastructure,
    means: "Infrastructure: no coordinator answers, or a task could not be carried out.",
    next: "testyard up starts a coordinator; the message says what failed.",
  },
  {
    code: EXIT.authentication,
    means: "Authentication: no key, or another yard's.",
    next: "Name the yard with --data-dir, or set TESTYARD_CLIENT_KEY.",
  },
  {
    code: EXIT.waitTimedOut,
    means: "The wait timed out (--wait-timeout); the tasks go on.",
    next: "testyard attach RUN waits again.",
  },
  {
    code: EXIT.nothingRan,
    means: "Nothing was found to run, or no worker fits (--placement-timeout).",
    next: "The message says which, with a reason for each worker.",
  },
  {
    code: EXIT.interrupted,
    means: "Interrupted with Ctrl-C or SIGTERM; a run on a coordinator goes on.",
    next: "testyard attach RUN goes back to it.",
  },
];

export function exitCodesText(): string {
  const rows = EXIT_CODES.map(
    ({ code, means, next }) => `${String(code).padStart(4)}  ${means}\n      ${next}`,
  );
  const order = FIRST_TO_LAST.join(", ");
  return `Exit codes\n\n${rows.join("\n")}\n\nWhen several apply, the first of these counts: ${order}.`;
}
