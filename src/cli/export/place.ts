/**
 * The folder of an export. Files come together in a folder inside it and get their names only when all are
 * whole; what an export that was killed left there goes when the next one begins. `export.json`, with what
 * is there, is written last.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { usage } from "../errors.ts";

export interface Exported {
  tables: { name: string; rows: number; file: string; bytes: number }[];
  watermark: number;
}

const UNFINISHED = ".testyard-export";
const CONTENTS = "export.json";

/** @throws CliError where something else is in the folder */
export async function intoFolder(
  dir: string,
  { force }: { force: boolean },
  fill: (unfinished: string) => Promise<Exported>,
): Promise<Exported> {
  const target = resolve(dir);
  const isNew = !existsSync(target);
  await mkdir(target, { recursive: true });
  const others = (await readdir(target)).filter((name) => name !== UNFINISHED);
  if (others.length > 0 && !force) {
    throw usage(`${dir} is not empty`, "name another folder, or --force to replace the tables in it");
  }
  const unfinished = join(target, UNFINISHED);
  await rm(unfinished, { recursive: true, force: true });
  let isDone = false;
  try {
    const exported = await fill(unfinished);
    await putInPlace(exported, { target, unfinished });
    isDone = true;
    return exported;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    if (!isDone && isNew) await rm(target, { recursive: true, force: true });
  }
}

async function putInPlace(
  exported: Exported,
  { target, unfinished }: { target: string; unfinished: string },
): Promise<void> {
  await rm(join(target, CONTENTS), { force: true });
  for (const { file } of exported.tables) await rename(join(unfinished, file), join(target, file));
  await writeFile(join(unfinished, CONTENTS), `${JSON.stringify(exported, null, 2)}\n`);
  await rename(join(unfinished, CONTENTS), join(target, CONTENTS));
}
