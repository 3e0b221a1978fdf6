import {spawn, spawnSync} from 'node:child_process'
import {existsSync, readdirSync} from 'node:fs'
import path from 'node:path'
import {ENVIRONMENT, PINNED_NODE, prepareMachine, ROOT} from './requirements.mjs'

/** The built-in scenarios, part of the fixed budget of `npm test`. */
const SCENARIOS = ['three-sites-direct', 'three-sites']

/**
 * A stage runs one command; `needs` names a stage without which it would only repeat that stage's failure. `count`
 * reads passed and failed checks from its output; a stage without it counts only when it fails.
 */
const BUILD = {name: 'build', command: [PINNED_NODE, 'scripts/build.mjs']}
const COVERAGE = ['--all', '--src=src', '--include=src/**', '--temp-directory=coverage/tmp']

/** The bundled tests; the VM is all theirs, so its own network stands for the namespace that tests make themselves. */
const MOCHA_IN_VM = [
  ...['env', 'ISTHMUS_TEST_NAMESPACE=vm'],
  ...[PINNED_NODE, 'node_modules/.bin/mocha', '/run/vm/bundle/*.test.mjs'],
]

const STAGES = [
  {name: 'lint', command: ['biome', 'check', '--error-on-warnings']},
  {name: 'types', command: ['tsc', '--noEmit']},
  BUILD,
  {
    name: 'mocha',
    command: ['c8', ...COVERAGE, '--reporter=text-summary', '--reporter=html', 'mocha', 'test/**/*.test.ts'],
    // What needs modules that the running kernel lacks is for the VM.
    extra: () => (hasTunnelModules() ? [] : ['--ignore', 'test/vm/**']),
    count: countMocha,
  },
  {
    name: 'tunnel drivers in the VM',
    command: [PINNED_NODE, 'lab/vm-run.ts'],
    extra: () => [...sourcesIn('test/vm'), '--', ...MOCHA_IN_VM],
    // Where the running kernel has the modules, these tests ran with all the others.
    skip: hasTunnelModules,
    count: countMocha,
  },
  ...SCENARIOS.map(scenarioStage),
]

/**
 * What `npm test` has no time for: every other scenario, and many more random worlds of policy. `RUNS` is the number of
 * worlds, `SEED` where they begin; a hundred a second or so. The kernel judges some of them.
 */
const longStages = () => [BUILD, ...policyStages(), ...otherScenarios().map(scenarioStage)]

function policyStages() {
  const {RUNS = '20000', KERNEL_WORLDS = '400'} = process.env
  return [
    {
      name: 'random worlds of policy',
      command: ['mocha', 'test/policy/**/*.test.ts', '--ignore', 'test/policy/**/*.kernel.test.ts'],
      env: {RUNS},
      count: countMocha,
    },
    {
      name: 'random worlds of policy in the kernel',
      command: ['mocha', 'test/policy/compile/forwarding.kernel.test.ts'],
      env: {KERNEL_WORLDS},
      count: countMocha,
    },
  ]
}

/** Whether the running kernel makes ipip and wireguard devices; tried in a network namespace that goes at once. */
function hasTunnelModules() {
  const makes = (type) => spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'is-probe', 'type', ...type]).status === 0
  const has = makes(['ipip', 'local', '192.0.2.1', 'remote', '192.0.2.2']) && makes(['wireguard'])
  return has
}

function scenarioStage(name) {
  const file = `lab/scenarios/${name}.yaml`
  const command = [PINNED_NODE, 'lab/main.ts', '--scenario', file, '--verify', '-o', 'json']
  return {name: `scenario ${name}`, command, file, needs: 'build', quietStdout: true, count: countChecks}
}

function sourcesIn(folder) {
  const files = readdirSync(path.join(ROOT, folder), {recursive: true})
  return files.filter((file) => file.endsWith('.test.ts')).map((file) => path.join(folder, file))
}

function otherScenarios() {
  const folder = path.join(ROOT, 'lab/scenarios')
  if (!existsSync(folder)) return []
  // Resources and policies that scenarios use lie in folders of their own beside them.
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'))
  return files.map((file) => path.basename(file, '.yaml')).filter((name) => !SCENARIOS.includes(name))
}

/** Runs the stages (all, or those named), each to its end, and closes with the line that CI reads. */
export async function runStages(args) {
  const stages = args.includes('--long') ? longStages() : STAGES
  const names = args.filter((name) => name !== '--long')
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name))
  if (unknown.length > 0) {
    console.error(`No such stage: ${unknown.join(', ')}. Stages: ${stages.map(({name}) => name).join(', ')}.`)
    process.exit(2)
  }
  await prepareMachine()
  const total = {passed: 0, failed: 0}
  const broken = new Set()
  for (const stage of stages) {
    if (names.length > 0 && !names.includes(stage.name)) continue
    if (stage.skip?.()) continue
    if (broken.has(stage.needs)) {
      console.log(`\n── ${stage.name}: left out, since ${stage.needs} failed`)
      total.failed++
      continue
    }
    const {passed, failed} = await runStage(stage)
    total.passed += passed
    total.failed += failed
    if (failed > 0) broken.add(stage.name)
  }
  if (total.failed > 0) process.exitCode = 1
  console.log(`\n${total.passed} passed, ${total.failed} failed`)
}

async function runStage({name, command, extra, env, quietStdout, count}) {
  console.log(`\n── ${name}`)
  const began = performance.now()
  const {status, output} = await run([...command, ...(extra?.() ?? [])], env, quietStdout)
  const counts = count?.(output) ?? {passed: 0, failed: 0}
  // A stage that died without saying what failed still failed.
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`── ${name}: ${counts.failed === 0 ? 'ok' : `FAILED (${counts.failed})`} in ${seconds} s`)
  return counts
}

/** Shows the output as it comes and keeps it. */
function run([command, ...args], env, quietStdout) {
  return new Promise((resolve) => {
    const file = command.includes('/') ? command : path.join(ROOT, 'node_modules/.bin', command)
    const child = spawn(file, args, {cwd: ROOT, env: {...ENVIRONMENT, ...env}, stdio: ['ignore', 'pipe', 'inherit']})
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      if (!quietStdout) process.stdout.write(text)
    })
    child.on('error', (error) => {
      console.log(error.message)
      resolve({status: 1, output})
    })
    child.on('close', (status) => resolve({status: status ?? 1, output}))
  })
}

/** The closing line of test/support/reporter.cjs. */
function countMocha(output) {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed, \d+ skipped$/gm)]
  const last = lines.at(-1)
  return last ? {passed: Number(last[1]), failed: Number(last[2])} : {passed: 0, failed: 1}
}

/** The lab's verify answer, shown as a list: what holds, what does not and why. */
function countChecks(output) {
  let answer
  try {
    answer = JSON.parse(output)
  } catch {
    console.log(output)
    return {passed: 0, failed: 1}
  }
  for (const {name, ok, detail} of answer.checks)
    console.log(`  ${ok ? '✔' : '✘'} ${name}${detail ? `: ${detail}` : ''}`)
  const passed = answer.checks.filter(({ok}) => ok).length
  return {passed, failed: answer.checks.length - passed}
}
