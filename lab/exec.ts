import {spawn} from 'node:child_process'
import {existsSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {until} from './processes.ts'
import {follow} from './vm/follow.ts'
import {runningShare} from './vm/index.ts'

/** `exec.ts COMMAND…`: runs a command where the lab runs, be that this machine or its VM. */
const argv = process.argv.slice(2)
if (argv.length === 0) {
  process.stderr.write('usage: exec.ts COMMAND…\n')
  process.exit(2)
}

async function inVm(share: string): Promise<number> {
  const name = join(share, `${process.pid}`)
  for (const stream of ['stdout', 'stderr']) writeFileSync(`${name}.${stream}`, '')
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  writeFileSync(`${name}.new`, `cd '${process.cwd()}'\nexec ${quoted}\n`)
  const ends = [
    follow(`${name}.stdout`, (data) => void process.stdout.write(data)),
    follow(`${name}.stderr`, (data) => void process.stderr.write(data)),
  ]
  renameSync(`${name}.new`, `${name}.sh`)
  await until('the command', async () => (existsSync(`${name}.status`) ? true : null), 600_000, 100)
  for (const end of ends) end()
  return Number(readFileSync(`${name}.status`, 'utf8'))
}

function here(): Promise<number> {
  return new Promise((resolve) => {
    const [file, ...args] = argv
    const child = spawn(file!, args, {stdio: 'inherit'})
    child.once('error', (error) => {
      process.stderr.write(`${error.message}\n`)
      resolve(127)
    })
    child.once('exit', (status) => resolve(status ?? 1))
  })
}

const share = runningShare()
process.exitCode = share === null ? await here() : await inVm(share)
process.exit()
