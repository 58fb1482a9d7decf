// Which of several databases a store belongs in, by nothing but their names and its id.

/**
 * Rendezvous hashing (highest random weight, Thaler and Ravishankar 1998): where a database is added,
 * those stores move that it wins, and no other. **Whoever changes the weights loses every store**:
 * its rows are where the old ones put them.
 */
export function homeOf<Home extends { name: string }>(
  databases: readonly Home[],
  storeId: string,
): Home {
  return databases.reduce((home, each) =>
    weightOf(each.name, storeId) > weightOf(home.name, storeId) ? each : home,
  )
}

/**
 * FNV-1a (RFC 9923), whose bits are then mixed by MurmurHash3's fmix32. Each step is a bijection,
 * so two names that differ in their hash have no store of equal weight.
 */
function weightOf(name: string, storeId: string): number {
  let hash = 0x811c9dc5
  // Both are ASCII, and neither holds a slash.
  for (const char of `${name}/${storeId}`) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
