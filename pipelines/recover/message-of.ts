/** What an error says, bounded. */
export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e)).slice(0, 400);
