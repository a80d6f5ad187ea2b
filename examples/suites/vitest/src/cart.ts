export interface Article {
  name: string;
  cents: number;
}

/** A shopping cart; adding an article twice raises its amount. */
export class Cart {
  readonly #lines = new Map<string, { article: Article; amount: number }>();

  add(article: Article, amount = 1): void {
    const line = this.#lines.get(article.name) ?? { article, amount: 0 };
    line.amount += amount;
    this.#lines.set(article.name, line);
  }

  get lines(): number {
    return this.#lines.size;
  }

  total(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.article.cents * line.amount, 0);
  }
}
