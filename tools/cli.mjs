#!/usr/bin/env node
// The program cart-accounts: checks the Node that runs it, and hands over to the commands.
import './lib/check-node.mjs'

const { main } = await import('./cli.ts')
await main(process.argv.slice(2))
