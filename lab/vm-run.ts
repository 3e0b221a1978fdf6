import {passThrough, VmMissing} from './vm/index.ts'

/**
 * `vm-run.ts [SOURCE…] -- COMMAND…`: runs a command in the lab's VM, with its output and exit status. Each source is
 * bundled, and is there for the command in /run/vm/bundle (`BUNDLES`).
 */
const words = process.argv.slice(2)
const dashes = words.indexOf('--')
const bundles = words.slice(0, Math.max(dashes, 0))
const argv = words.slice(dashes + 1)
if (argv.length === 0) {
  process.stderr.write('usage: vm-run.ts [SOURCE…] -- COMMAND…\n')
  process.exit(2)
}
try {
  process.exitCode = await passThrough(argv, {bundles})
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof VmMissing ? 2 : 1
}
process.exit()
