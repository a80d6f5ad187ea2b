// The live page: takes the whole picture when it connects, then changes, and draws with text nodes only, so
// that nothing a test is called or prints can become markup. The chosen task stands in the address.

const ICONS = {
  pending: "◌",
  queued: "○",
  assigned: "◔",
  running: "◑",
  completed: "✓",
  failed: "✗",
  timed_out: "⧖",
  cancelled: "⊘",
  skipped: "⤼",
  poisoned: "☠",
  online: "●",
  suspect: "◐",
  disconnected: "◌",
  lost: "✗",
};
const WAITING = "waiting for output …";
const ROWS = 200;
const LOG_CHARS = 200_000;
const RECONNECT_MS = [500, 1000, 2000, 5000];

const byId = (id) => document.getElementById(id);
const tasks = new Map();
let failures = 0;
let picked = new URLSearchParams(location.hash.slice(1)).get("task");
let reading = null;

function element(name, { text, state, className } = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (state !== undefined) made.dataset.state = state;
  if (className !== undefined) made.className = className;
  return made;
}

const statusText = (state) => `${ICONS[state] ?? "•"} ${state.replace("_", " ")}`;

function seconds(ms) {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1000) % 60} s`;
}

function showConnection(state, text) {
  const line = byId("connection");
  line.dataset.state = state;
  line.textContent = text;
}

function showCounts(status) {
  const { tasks: counts } = status;
  const shown = [
    "queued",
    "pending",
    "running",
    "completed",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
    "poisoned",
  ];
  const items = shown
    .filter((state) => counts[state] > 0 || ["queued", "running", "completed", "failed"].includes(state))
    .flatMap((state) => {
      const group = element("div", { state });
      group.append(
        element("dt", { text: statusText(state) }),
        element("dd", { text: String(counts[state]) }),
      );
      return [group];
    });
  byId("counts").replaceChildren(...items);
}

function showWorkers(workers) {
  byId("no-workers").hidden = workers.length > 0;
  byId("workers").replaceChildren(
    ...workers.map((worker) => {
      const item = element("li", { state: worker.state });
      const { capabilities, load } = worker;
      const { cpu, memory_mb } = capabilities;
      const hardware = `${cpu.logical_cores} × ${cpu.model}, ${Math.round(memory_mb / 1024)} GB`;
      item.append(
        element("strong", { text: worker.worker_id }),
        element("span", { text: statusText(worker.state), className: "status", state: worker.state }),
        element("span", { text: `${worker.busy} of ${worker.slots} slots busy` }),
        ...(worker.cordoned === null ? [] : [element("span", { text: `cordoned: ${worker.cordoned}` })]),
        element("span", { text: load === null ? "" : `CPU ${Math.round(load.cpu_share * 100)} %` }),
        element("span", { text: hardware, className: "dim" }),
      );
      return item;
    }),
  );
}

function timeOf(task) {
  if (task.started_at === null) return "";
  return seconds(Math.max(0, (task.ended_at ?? Date.now()) - task.started_at));
}

function rowOf(task) {
  const row = element("tr", { state: task.state });
  if (task.task_id === picked) row.setAttribute("aria-selected", "true");
  const name = element("td");
  const button = element("button", { text: task.name });
  button.type = "button";
  button.addEventListener("click", () => pick(task.task_id));
  name.append(button);
  if (task.reason !== null) name.append(element("div", { text: task.reason, className: "dim" }));
  row.append(
    element("td", { text: statusText(task.state), className: "status", state: task.state }),
    name,
    element("td", { text: task.worker_id ?? "" }),
    element("td", { text: task.attempts > 0 ? `attempt ${task.attempts}` : "" }),
    element("td", { text: timeOf(task) }),
  );
  return row;
}

const newestFirst = (a, b) => (a.task_id < b.task_id ? 1 : -1);

function showTasks() {
  const shown = [...tasks.values()].sort(newestFirst).slice(0, ROWS);
  for (const id of [...tasks.keys()]
    .sort((a, b) => (a < b ? -1 : 1))
    .slice(0, Math.max(0, tasks.size - 2 * ROWS)))
    tasks.delete(id);
  byId("no-tasks").hidden = shown.length > 0;
  byId("tasks").hidden = shown.length === 0;
  const had = document.activeElement?.closest?.("tr")?.rowIndex;
  byId("tasks").tBodies[0].replaceChildren(...shown.map(rowOf));
  if (had !== undefined) byId("tasks").rows[had]?.querySelector("button")?.focus();
}

function pick(id) {
  picked = id;
  history.replaceState(null, "", `#task=${encodeURIComponent(id)}`);
  showTasks();
  void readLog(id);
}

// A stream that is read to its end; the server ends it with the attempt.
async function readLog(id) {
  reading?.abort();
  const mine = new AbortController();
  reading = mine;
  const log = byId("log");
  byId("no-log").hidden = true;
  byId("log-title").textContent = `Log of ${tasks.get(id)?.name ?? id}`;
  log.textContent = WAITING;
  try {
    const answer = await fetch(`/api/tasks/${encodeURIComponent(id)}/logs?follow=true`, {
      signal: mine.signal,
    });
    if (!answer.ok) {
      log.textContent = answer.status === 404 ? "nothing has been printed yet" : `no log: ${answer.status}`;
      return;
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) append(log, part.value);
    if (log.textContent === WAITING) log.textContent = "nothing was printed";
  } catch (error) {
    if (!mine.signal.aborted) append(log, `\n(the log broke off: ${error.message})`);
  }
}

function append(log, text) {
  if (log.textContent === WAITING) log.textContent = "";
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
  // Colours are for terminals.
  const plain = text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "");
  log.textContent = (log.textContent + plain).slice(-LOG_CHARS);
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function receive(message) {
  if (message.kind === "hello") tasks.clear();
  for (const task of message.tasks) tasks.set(task.task_id, task);
  showCounts(message.status);
  if (message.kind === "hello" || message.workers.length > 0) showWorkers(message.workers);
  showTasks();
  if (message.kind === "hello" && picked !== null && reading === null) void readLog(picked);
}

function connect() {
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/dashboard`);
  socket.addEventListener("open", () => {
    failures = 0;
    showConnection("live", "● live");
  });
  socket.addEventListener("message", ({ data }) => receive(JSON.parse(data)));
  socket.addEventListener("close", () => {
    const waitMs = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)];
    failures += 1;
    showConnection("lost", "✗ connection lost, trying again; what is shown may be old");
    setTimeout(connect, waitMs);
  });
}

setInterval(() => {
  if ([...tasks.values()].some(({ state }) => state === "running")) showTasks();
}, 1000);
connect();
