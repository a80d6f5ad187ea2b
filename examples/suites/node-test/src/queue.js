/** Waiting customers: one at a time, first come first served. */
export class Queue {
  #last = Promise.resolve();

  serve(work) {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}
