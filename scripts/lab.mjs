import {spawn, spawnSync} from 'node:child_process'
import path from 'node:path'
import {ENVIRONMENT, PINNED_NODE, prepareMachine, ROOT, say} from './requirements.mjs'

/** Prepares the machine, builds the bundles that the lab runs, and becomes the lab: its output, its status. */
export async function startLab(args) {
  await prepareMachine()
  const built = spawnSync(PINNED_NODE, [path.join(ROOT, 'scripts/build.mjs')], {
    cwd: ROOT,
    env: ENVIRONMENT,
    stdio: ['ignore', 2, 2],
  })
  if (built.status !== 0) {
    say('The build failed; the lab was not started.')
    process.exit(1)
  }
  const lab = spawn(PINNED_NODE, [path.join(ROOT, 'lab/main.ts'), ...args], {
    cwd: ROOT,
    env: ENVIRONMENT,
    stdio: 'inherit',
  })
  // The terminal sends Ctrl-C to both; the lab needs its time to clean up, and we wait for it.
  process.on('SIGINT', () => undefined)
  process.on('SIGHUP', () => undefined)
  process.on('SIGTERM', () => lab.kill('SIGTERM'))
  lab.on('exit', (status, signal) => {
    process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 1)
  })
}
