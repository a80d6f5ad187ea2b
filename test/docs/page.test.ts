import { describe, expect, test } from "vitest";
import { readPage, runPage } from "./page.testing.ts";

const PAGE = `
# Page

\`\`\`sh
greeting=hello
mkdir made
\`\`\`

Text, and what is shown:

\`\`\`text
hello
\`\`\`

<!-- setup: cd made -->
\`\`\`sh
test "$greeting" = hello
\`\`\`
`;

describe("a page as a program", () => {
  test("is one session over all its blocks, hidden lines included", async () => {
    const { blocks, strays } = readPage(PAGE);
    expect(blocks.map(({ line }) => line)).toEqual([5, 17]);
    expect(strays).toEqual([]);
    expect(await runPage([...blocks, { line: 20, commands: "pwd", place: "session" }])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/block at line 17\n--- block at line 20\n.*\/made\n$/),
    });
  });

  test("fails with its first command that fails, and says in which block", async () => {
    const { blocks } = readPage("```sh\nfalse\necho not reached\n```\n");
    const { code, output } = await runPage(blocks);
    expect([code, output]).toEqual([1, "--- block at line 2\n"]);
  });

  test("that leaves a process behind is found out, and the process ended", async () => {
    // Until it is the program, it is a copy of the shell.
    const wait = "until grep -qa ^sleep /proc/$!/cmdline; do :; done";
    const { blocks } = readPage(`\`\`\`sh\nsleep 600 &\n${wait}\n\`\`\`\n`);
    expect((await runPage(blocks)).leftovers).toEqual(["sleep 600"]);
  });

  test("must not show commands that nothing runs", () => {
    const strays = readPage("    npm ci\n\n```bash\ntestyard run\n```\n\n    plain text\n").strays;
    expect(strays.map(({ line }) => line)).toEqual([1, 3]);
  });
});
