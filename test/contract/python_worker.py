"""A second worker, written from docs/PROTOCOL.md with Python's standard library alone.

It exists to prove that the document is enough. So it shares no code with the first one, takes one task
after another, and keeps to the words of the document in its names. What it runs: `config.command`.

    python3 python_worker.py --coordinator http://127.0.0.1:8080 --key-file DIR/client-key --worker-id py-1
"""
import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import platform
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse


BAD_FRAME, BAD_SIGNATURE, REPLACED, NOT_LEADER = 4400, 4401, 4409, 4421


class Closed(Exception):
    """The connection is over: a close code and a reason."""

    def __init__(self, code, reason):
        super().__init__(f"{code} {reason}")
        self.code = code


class WebSocket:
    """RFC 6455, the client's side, as far as text frames of at most 1 MiB need it."""

    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        self.sock = socket.create_connection((at.hostname, at.port), timeout=10)
        self.held = b""
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: {at.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {nonce}",
            "Sec-WebSocket-Version: 13",
        ]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.held:
            self.held += self._read()
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Closed(0, head.split(b"\r\n", 1)[0].decode())

    def send(self, text):
        self._write(0x1, text.encode())

    def close(self, code, reason):
        try:
            self._write(0x8, struct.pack("!H", code) + reason.encode()[:123])
        except OSError:
            pass
        self.sock.close()

    def messages(self, seconds):
        """What has come within so many seconds; perhaps nothing."""
        texts = self._take()
        if not texts and select.select([self.sock], [], [], seconds)[0]:
            self.held += self._read()
            texts = self._take()
        return texts

    def _read(self):
        data = self.sock.recv(65536)
        if data == b"":
            raise Closed(1006, "the socket was cut")
        return data

    def _write(self, opcode, payload):
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + struct.pack("!H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack("!Q", size)
        mask = secrets.token_bytes(4)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
        self.sock.sendall(head + mask + masked)

    def _take(self):
        texts = []
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == 0x9:
                self._write(0xA, payload)
            elif opcode == 0x8:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Closed(code, payload[2:].decode())
            elif opcode == 0x1:
                texts.append(payload.decode())
        return texts

    def _frame(self):
        held = self.held
        if len(held) < 2:
            return None
        size, at = held[1] & 0x7F, 2
        if size == 126:
            at = 4
        elif size == 127:
            at = 10
        if len(held) < at:
            return None
        if at > 2:
            size = int.from_bytes(held[2:at], "big")
        if len(held) < at + size:
            return None
        self.held = held[at + size :]
        return held[0] & 0x0F, held[at : at + size]


def hkdf_sha256(secret, salt, info):
    """RFC 5869 for 32 bytes, which are one block."""
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


class Session:
    """Signed frames of one side."""

    def __init__(self, side, key, worker_nonce, coordinator_nonce, cluster_id):
        salt = bytes.fromhex(worker_nonce + coordinator_nonce)
        self.side = side
        self.other = "coordinator" if side == "worker" else "worker"
        info = "testyard frame v1 {} from {}"
        self.send_key = hkdf_sha256(key, salt, info.format(cluster_id, side).encode())
        self.receive_key = hkdf_sha256(key, salt, info.format(cluster_id, self.other).encode())
        self.sent = 0
        self.received = 0

    def seal(self, frame_type, body, epoch):
        self.sent += 1
        frame = {"v": 1, "epoch": epoch, "ctr": self.sent, "type": frame_type, "id": f"p{self.sent}"}
        payload = json.dumps({**frame, "body": body}, ensure_ascii=False, separators=(",", ":"))
        return f"{self._mac(self.send_key, self.side, payload)}.{payload}"

    def open(self, text):
        mac, payload = text[:64], text[65:]
        expected = self._mac(self.receive_key, self.other, payload)
        if text[64:65] != "." or not hmac.compare_digest(mac.encode(), expected.encode()):
            raise Closed(BAD_SIGNATURE, "the signature of the frame is wrong")
        frame = json.loads(payload)
        if frame["v"] != 1 or frame["ctr"] != self.received + 1:
            raise Closed(BAD_FRAME, f"frame {frame['ctr']} after {self.received}")
        self.received += 1
        return frame

    @staticmethod
    def _mac(key, side, payload):
        return hmac.new(key, f"{side}\n{payload}".encode(), hashlib.sha256).hexdigest()


class Bulk:
    """The HTTP side: payloads come in, logs go out."""

    def __init__(self, url, key):
        self.netloc = urllib.parse.urlsplit(url).netloc
        self.headers = {"Authorization": f"Bearer {key.hex()}", "Content-Type": "application/octet-stream"}

    def blob(self, sha256):
        status, body = self._ask("GET", f"/api/blobs/{sha256}", None)
        if status != 200 or hashlib.sha256(body).hexdigest() != sha256:
            raise RuntimeError(f"no blob {sha256}: {status}")
        return body

    def append_log(self, task_id, attempt, data):
        """Sends on from where the coordinator says that its log ends."""
        stored = 0
        while stored < len(data):
            path = f"/api/tasks/{task_id}/attempts/{attempt}/log?offset={stored}"
            status, body = self._ask("PUT", path, data[stored : stored + 512 * 1024])
            answer = json.loads(body)
            if status == 409 and answer["code"] == "log_gap":
                answer = answer["details"]
            elif status != 200:
                raise RuntimeError(f"the log was refused: {answer}")
            stored = answer["size"]
        return stored

    def _ask(self, method, path, body):
        connection = http.client.HTTPConnection(self.netloc, timeout=30)
        try:
            connection.request(method, path, body, self.headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Attempt:
    """One process, started in its own group so that all of it can be ended."""

    def __init__(self, assignment, bulk, worker_id):
        self.assignment = assignment
        self.bulk = bulk
        self.began = time.time(), time.monotonic()
        self.output = tempfile.TemporaryFile()
        self.folder = tempfile.TemporaryDirectory()
        self.stop = None
        payload = assignment["payload"]
        text = payload if isinstance(payload, str) else bulk.blob(payload["blob"]).decode()
        task = json.loads(text)
        env = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            **task.get("env", {}),
            "TESTYARD_TASK_ID": assignment["task_id"],
            "TESTYARD_ATTEMPT": str(assignment["attempt"]),
            "TESTYARD_RUN_ID": assignment["run_id"],
            "TESTYARD_WORKER_ID": worker_id,
            "TESTYARD_SLOT": str(assignment["slot"]),
        }
        self.process = subprocess.Popen(
            task["config"]["command"],
            cwd=self.folder.name,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, outcome):
        if self.stop is None and self.process.poll() is None:
            self.stop = outcome
            os.killpg(self.process.pid, signal.SIGKILL)

    def has_ended(self):
        if time.monotonic() - self.began[1] > self.assignment["timeout_ms"] / 1000:
            self.end("timed_out")
        return self.process.poll() is not None

    def result(self):
        """After the log is stored: whoever sees a result may ask for the log."""
        code = self.process.returncode
        duration_ms = round((time.monotonic() - self.began[1]) * 1000)
        self.output.seek(0)
        reference = self.assignment["task_id"], self.assignment["attempt"]
        log_bytes = self.bulk.append_log(*reference, self.output.read())
        return {
            "outcome": self.stop or ("passed" if code == 0 else "failed"),
            "exit_code": code if code >= 0 else None,
            "signal": signal.Signals(-code).name if code < 0 else None,
            "started_at": round(self.began[0] * 1000),
            "duration_ms": duration_ms,
            "usage": None,
            "counts": None,
            "document": None,
            "log_bytes": log_bytes,
            "error": None,
        }


class Spool:
    """Results that no coordinator has acknowledged yet, in a folder that outlives the process."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def put(self, record):
        with open(self._path(record) + ".tmp", "w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._path(record) + ".tmp", self._path(record))

    def remove(self, record):
        if os.path.exists(self._path(record)):
            os.remove(self._path(record))

    def all(self):
        names = [name for name in sorted(os.listdir(self.folder)) if name.endswith(".json")]
        records = []
        for name in names:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                records.append(json.load(file))
        return records

    def _path(self, record):
        return os.path.join(self.folder, f"{record['task_id']}.{record['attempt']}.json")


class Worker:
    def __init__(self, options, key):
        self.options = options
        self.key = key
        self.bulk = Bulk(options.coordinator, key)
        self.spool = Spool(options.spool)
        self.recovered = self.spool.all()
        self.incarnation = secrets.token_hex(8)
        self.highest_epoch = 0
        self.terms = None
        self.safe_since = 0.0
        self.running = {}
        self.ended = {}
        self.acknowledged = 0

    def converse(self):
        """One connection, from its opening to its close."""
        self.socket = WebSocket(self.options.coordinator)
        nonce = secrets.token_hex(32)
        self.socket.send(json.dumps({"type": "open", "protocol": {"min": 1, "max": 1}, "nonce": nonce}))
        self.session, self.terms, next_heartbeat = None, None, 0.0
        while not self.is_done():
            for text in self.socket.messages(0.02 if self.running else 0.2):
                if self.session is None:
                    self.challenged(json.loads(text), nonce)
                else:
                    self.receive(self.session.open(text))
            for key, attempt in list(self.running.items()):
                if attempt.has_ended():
                    self.report(key, attempt)
            if self.terms is None:
                continue
            now = time.monotonic()
            if now >= next_heartbeat:
                self.heartbeat(now)
                next_heartbeat = now + self.terms["heartbeat_ms"] / 1000
            self.watch_lease(now)
        self.send("goodbye", {"reason": "nothing more to do"})
        self.socket.close(1001, "the worker stops")

    def is_done(self):
        held = self.running or self.ended or self.recovered
        return not held and self.acknowledged >= self.options.until

    def send(self, frame_type, body):
        if self.session is not None:
            self.socket.send(self.session.seal(frame_type, body, self.highest_epoch))

    def challenged(self, challenge, nonce):
        assert challenge["type"] == "challenge" and challenge["protocol"]["min"] <= 1, challenge
        self.session = Session("worker", self.key, nonce, challenge["nonce"], challenge["cluster_id"])
        worker_id = self.options.worker_id
        if self.recovered:
            self.send("recovered", {"worker_id": worker_id, "results": self.recovered})
        inventory = [{"task_id": t, "attempt": a} for t, a in [*self.running, *self.ended]]
        self.send(
            "hello",
            {
                "worker_id": worker_id,
                "incarnation": self.incarnation,
                "slots": 1,
                "labels": {"language": "python"},
                "capabilities": capabilities(),
                "inventory": inventory,
                "highest_epoch": self.highest_epoch,
                "clock_ms": time.time() * 1000,
            },
        )

    def receive(self, frame):
        if frame["epoch"] < self.highest_epoch:
            raise Closed(NOT_LEADER, "a frame of an epoch that is over")
        self.highest_epoch = frame["epoch"]
        body = frame["body"]
        if frame["type"] == "welcome":
            self.welcomed(body)
        elif frame["type"] == "assign":
            for assignment in body["tasks"]:
                self.assigned(assignment)
        elif frame["type"] == "cancel":
            for reference in body["attempts"]:
                self.cancelled(reference)
        elif frame["type"] == "result_ack":
            for reference in body["attempts"]:
                self.acknowledge(reference)
        elif frame["type"] == "heartbeat_ack":
            self.safe_since = max(self.safe_since, body["sent_ms"] / 1000)
        else:
            raise Closed(BAD_FRAME, f"unknown frame type {frame['type']}")

    def welcomed(self, terms):
        self.terms = terms
        self.safe_since = time.monotonic()
        for task_id, attempt in self.running:
            self.send("started", {"attempts": [{"task_id": task_id, "attempt": attempt}]})
        for record in self.ended.values():
            self.send("results", {"results": [without_incarnation(record)]})
        print("welcome", flush=True)

    def assigned(self, assignment):
        key = assignment["task_id"], assignment["attempt"]
        if key in self.running or key in self.ended:
            return
        self.running[key] = Attempt(assignment, self.bulk, self.options.worker_id)
        self.send("started", {"attempts": [{"task_id": key[0], "attempt": key[1]}]})

    def cancelled(self, reference):
        key = reference["task_id"], reference["attempt"]
        if key in self.running:
            self.running[key].end("cancelled")
        elif key not in self.ended:
            now = round(time.time() * 1000)
            result = {"outcome": "cancelled", "started_at": now, "duration_ms": 0, "log_bytes": 0}
            nothing = ("exit_code", "signal", "usage", "counts", "document", "error")
            result.update({name: None for name in nothing})
            self.send("results", {"results": [{"task_id": key[0], "attempt": key[1], "result": result}]})

    def report(self, key, attempt):
        record = {"task_id": key[0], "attempt": key[1], "incarnation": self.incarnation}
        record["result"] = attempt.result()
        self.spool.put(record)
        if self.options.die_before_sending:
            os._exit(9)
        del self.running[key]
        self.ended[key] = record
        if self.terms is not None:
            self.send("results", {"results": [without_incarnation(record)]})

    def acknowledge(self, reference):
        key = reference["task_id"], reference["attempt"]
        print(f"acknowledged {key[0]} {key[1]} {reference['verdict']}", flush=True)
        self.acknowledged += 1
        self.ended.pop(key, None)
        self.recovered = [it for it in self.recovered if (it["task_id"], it["attempt"]) != key]
        self.spool.remove(reference)

    def heartbeat(self, now):
        load = {"running": len(self.running), "cpu_share": 0, "memory_free_mb": 1024}
        self.send("heartbeat", {"sent_ms": now * 1000, **load})

    def watch_lease(self, now):
        silent_ms = (now - self.safe_since) * 1000
        if silent_ms > self.terms["lease_ms"] - self.terms["margin_ms"]:
            for attempt in self.running.values():
                if attempt.assignment["on_partition"] == "stop":
                    attempt.end("cancelled")
        if silent_ms > self.terms["lease_ms"]:
            raise Closed(BAD_FRAME, "heartbeats are not answered")


def without_incarnation(record):
    return {name: record[name] for name in ("task_id", "attempt", "result")}


def capabilities():
    return {
        "hostname": platform.node(),
        "os": {"Darwin": "macos"}.get(platform.system(), platform.system().lower()),
        "os_version": platform.release(),
        "arch": {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "cpu": {"model": "unknown", "physical_cores": 1, "logical_cores": os.cpu_count() or 1},
        "memory_mb": 1024,
        "gpus": [],
        "hardware": ["cpu"],
        "browsers": {},
        "runtimes": {"python3": platform.python_version()},
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coordinator", required=True)
    parser.add_argument("--key-file", required=True)
    parser.add_argument("--worker-id", required=True)
    parser.add_argument("--spool", required=True, help="folder for results not yet acknowledged")
    parser.add_argument("--until", type=int, default=sys.maxsize, help="acknowledgements to leave after")
    parser.add_argument("--die-before-sending", action="store_true", help="for a test of `recovered`")
    options = parser.parse_args()
    with open(options.key_file, encoding="utf-8") as file:
        key = bytes.fromhex(file.read().strip())
    worker = Worker(options, key)
    wait = 0.5
    while True:
        try:
            worker.converse()
            return
        except (Closed, OSError) as why:
            print(f"no coordinator: {why}", file=sys.stderr, flush=True)
            if isinstance(why, Closed) and why.code == REPLACED:
                sys.exit(1)
        time.sleep(wait * secrets.randbelow(1000) / 1000)
        wait = min(30, wait * 2)


if __name__ == "__main__":
    main()
