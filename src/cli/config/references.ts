/** `${NAME}` in a value of a file stands for a variable of the environment; `$${` for itself. */
const REFERENCE = /\$(\$\{)|\$\{([^}]*)\}/g;

export class UnsetReference extends Error {
  override readonly name = "UnsetReference";
  readonly variable: string;

  constructor(variable: string) {
    super(`\${${variable}} stands for a variable that is not set`);
    this.variable = variable;
  }
}

/** @throws UnsetReference */
export function withReferences(text: string, env: NodeJS.ProcessEnv): string {
  return text.replace(REFERENCE, (_whole, escaped: string | undefined, name: string) => {
    if (escaped !== undefined) return escaped;
    const value = env[name];
    if (value === undefined) throw new UnsetReference(name);
    return value;
  });
}

export function hasReference(text: string): boolean {
  return [...text.matchAll(REFERENCE)].some(([, escaped]) => escaped === undefined);
}
