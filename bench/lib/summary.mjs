// From single turns to what is quoted: medians, their spread, and the ratios between ours and a peer's.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `turns` of one side → its line of the report. */
export function summarise({ name, how, settings }, turns) {
  const rates = turns.map(({ tasks, seconds }) => tasks / seconds);
  return {
    name,
    how,
    settings,
    turns,
    tasks_per_second: Math.round(median(rates)),
    slowest_tasks_per_second: Math.round(Math.min(...rates)),
    fastest_tasks_per_second: Math.round(Math.max(...rates)),
    submit_tasks_per_second: Math.round(median(turns.map((turn) => turn.tasks / turn.submit_seconds))),
    counts_agree: turns.every(({ tasks, completed }) => tasks === completed),
  };
}

/** { peer: ours / theirs }; empty when ours did not run. */
export function ratios([ours, ...peers]) {
  if (ours?.name !== "testyard") return {};
  const pairs = peers.map(({ name, tasks_per_second }) => [name, ours.tasks_per_second / tasks_per_second]);
  return Object.fromEntries(pairs.map(([name, ratio]) => [name, Math.round(ratio * 100) / 100]));
}

export function table({ sides, ratios: byName }) {
  const head = ["side", "tasks/s", "slowest", "fastest", "submit/s", "ours/peer", "counts"];
  const rows = sides.map((side) => [
    side.name,
    ...[side.tasks_per_second, side.slowest_tasks_per_second, side.fastest_tasks_per_second].map(String),
    String(side.submit_tasks_per_second),
    side.name in byName ? byName[side.name].toFixed(2) : "",
    side.counts_agree ? "agree" : "DIFFER",
  ]);
  return aligned([head, ...rows]);
}

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]));
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}
