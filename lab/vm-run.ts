import {passThrough, VmMissing} from './vm/index.ts'

/** `vm-run.ts -- COMMAND…`: runs a command in the lab's VM, with its output and exit status. */
const argv = process.argv.slice(process.argv[2] === '--' ? 3 : 2)
if (argv.length === 0) {
  process.stderr.write('usage: vm-run.ts -- COMMAND…\n')
  process.exit(2)
}
try {
  process.exitCode = await passThrough(argv)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof VmMissing ? 2 : 1
}
process.exit()
