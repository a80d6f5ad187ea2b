import { cordonInput, emptyInput, workerList, workerView } from "../../protocol/index.ts";
import { CONSISTENT, described } from "./openapi/describe.ts";

const group = "workers";
const params = { id: "The worker's id." };
const query = { consistent: CONSISTENT };

export const LIST = described({
  id: "listWorkers",
  group,
  summary: "All workers that the yard knows",
  query,
  answers: workerList,
});
export const SHOW = described({
  id: "getWorker",
  group,
  summary: "One worker",
  params,
  query,
  answers: workerView,
  problems: ["worker_unknown"],
});

const order = { group, params, answers: workerView } as const;

export const ORDERS = {
  cordon: described({
    ...order,
    id: "cordonWorker",
    summary: "Keeps new tasks from a worker; what runs there goes on",
    takes: cordonInput,
    isBodyOptional: true,
    problems: ["worker_unknown"],
  }),
  drain: described({
    ...order,
    id: "drainWorker",
    summary: "A cordon that somebody waits for: it is done when `busy` is 0",
    takes: cordonInput,
    isBodyOptional: true,
    problems: ["worker_unknown"],
  }),
  uncordon: described({
    ...order,
    id: "uncordonWorker",
    summary: "Lets a worker have new tasks again",
    takes: emptyInput,
    isBodyOptional: true,
    problems: ["worker_unknown", "worker_leaves"],
  }),
};
