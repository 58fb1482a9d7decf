export async function load(_: string[]): Promise<void> {}
