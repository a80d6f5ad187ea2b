/** Prints a receipt: names to the left, amounts to the right. */
export function receipt(lines, { width = 24 } = {}) {
  const total = lines.reduce((sum, line) => sum + line.cents, 0);
  return [...lines, { name: "TOTAL", cents: total }].map((line) => row(line, width)).join("\n");
}

function row({ name, cents }, width) {
  const amount = (cents / 100).toFixed(2);
  return name.slice(0, width - amount.length - 1).padEnd(width - amount.length) + amount;
}
