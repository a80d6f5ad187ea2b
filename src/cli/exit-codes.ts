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

export const EXIT_CODES_HELP = `Exit codes:
  0 all passed      3 infrastructure        7 nothing found, or no worker fits
  1 tests failed    4 authentication      130 interrupted
  2 usage           5 the wait timed out`;
