export function llmsText(read?: (path: string) => string): string;
