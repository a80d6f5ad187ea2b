/**
 * The search language of the page: words that must all match, `s:` outcome, `f:` file, `w:` worker, `k:`
 * framework, `-` for not, quotes to keep words together. Whatever is typed means something: a word with an
 * unknown letter before its colon is looked for as it stands.
 */

/** What of a case can be searched; all in lower case but the states. */
export interface Searchable {
  text: string;
  file: string;
  worker: string;
  framework: string;
  /** passed, failed, error, skipped, and beside them flaky, reused, expected-failure. */
  states: readonly string[];
}

export type Matcher = (it: Searchable) => boolean;

type FieldMatcher = (it: Searchable, value: string) => boolean;

const FIELDS: Readonly<Record<string, FieldMatcher>> = {
  s: (it, value) => it.states.some((state) => state.startsWith(value)),
  f: (it, value) => it.file.includes(value),
  w: (it, value) => it.worker.includes(value),
  k: (it, value) => it.framework.includes(value),
};

export function matcherOf(query: string): Matcher {
  const tests = [...query.toLowerCase().matchAll(/(-?)(?:([a-z]):)?(?:"([^"]*)"?|(\S+))/g)].map(
    ([all, not = "", field = "", quoted, bare]): Matcher => {
      const value = quoted ?? bare ?? "";
      const holds = FIELDS[field];
      const found: Matcher =
        holds === undefined
          ? (it) => it.text.includes(field === "" ? value : all.slice(not.length).replaceAll('"', ""))
          : (it) => holds(it, value);
      return not === "" ? found : (it) => !found(it);
    },
  );
  return (it) => tests.every((test) => test(it));
}
