/** Many may prepare at once; eviction runs alone. First come, first served, so that neither side starves. */
type Kind = "shared" | "alone";

export class Gate {
  private sharing = 0;
  private held = false;
  private readonly waiting: { kind: Kind; start: () => void }[] = [];

  shared<T>(action: () => Promise<T>): Promise<T> {
    return this.run("shared", action);
  }

  alone<T>(action: () => Promise<T>): Promise<T> {
    return this.run("alone", action);
  }

  private async run<T>(kind: Kind, action: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      this.waiting.push({ kind, start });
      this.admit();
    });
    try {
      return await action();
    } finally {
      if (kind === "alone") this.held = false;
      else this.sharing -= 1;
      this.admit();
    }
  }

  private admit(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      if (this.held || (first.kind === "alone" && this.sharing > 0)) return;
      this.waiting.shift();
      if (first.kind === "alone") this.held = true;
      else this.sharing += 1;
      first.start();
    }
  }
}
