// Runs on any Node: says in one line what is missing, before a script fails in many.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `cart-accounts needs Node 22.18 or newer and found ${process.versions.node}: run npm ci, which installs Node 24 into node_modules\n`,
  )
  process.exit(1)
}
