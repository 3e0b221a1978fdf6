import {spawn, spawnSync} from 'node:child_process'
import {existsSync, readdirSync, rmSync} from 'node:fs'
import path from 'node:path'
import {ENVIRONMENT, PINNED_NODE, prepareMachine, ROOT} from './requirements.mjs'

/** The built-in scenarios, part of the fixed budget of `npm test`. */
const SCENARIOS = ['three-sites-direct', 'three-sites']

/**
 * A stage runs one command; `needs` names a stage without which it would only repeat that stage's failure. `count`
 * reads passed and failed checks from its output; a stage without it counts only when it fails. `beside` is a stage that
 * runs at the same time as the one before it. A name before a colon is all the stages that begin with it.
 */
const BUILD = {name: 'build', command: [PINNED_NODE, 'scripts/build.mjs']}

/** Every process that a test starts writes what it ran into this folder; the report reads it when all are done. */
const RAN = 'coverage/tmp'
const COVERAGE = {NODE_V8_COVERAGE: path.join(ROOT, RAN)}
const REPORT = ['--all', '--src=src', '--include=src/**', `--temp-directory=${RAN}`]

/** The bundled tests; the VM is all theirs, so its own network stands for the namespace that tests make themselves. */
const MOCHA_IN_VM = [
  ...['env', 'ISTHMUS_TEST_NAMESPACE=vm'],
  ...[PINNED_NODE, 'node_modules/.bin/mocha', '/run/vm/bundle/*.test.mjs'],
]

const STAGES = [
  {name: 'lint', command: ['biome', 'check', '--error-on-warnings']},
  {name: 'types', command: ['tsc', '--noEmit'], beside: true},
  // It has a browser around it, and no Node.
  {name: 'types of the console', command: ['tsc', '--noEmit', '-p', 'src/console'], beside: true},
  {...BUILD, beside: true},
  {
    name: 'mocha: with kernel, etcd and BIRD',
    command: ['mocha'],
    extra: waitingTests,
    env: COVERAGE,
    clears: RAN,
    count: countMocha,
  },
  {
    name: 'mocha: all else',
    command: ['mocha'],
    extra: () => tests().filter((file) => !isWaiting(file)),
    env: COVERAGE,
    beside: true,
    count: countMocha,
  },
  {name: 'mocha: coverage', command: ['c8', 'report', ...REPORT, '--reporter=text-summary', '--reporter=html']},
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

/** What needs modules that the running kernel lacks is for the VM. */
const tests = () => sourcesIn('test').filter((file) => !file.startsWith('test/vm/') || hasTunnelModules())

/** Tests that mostly wait for others, so that what mostly computes goes beside them. */
const isWaiting = (file) => /\.(kernel|etcd|bird)\.test\.ts$|^test\/vm\//.test(file)

/** The lab's come last: they lose packets where something else computes all the time, and that is done by then. */
function waitingTests() {
  const isOfLab = (file) => file.startsWith('test/lab/')
  const waiting = tests().filter(isWaiting)
  return [...waiting.filter((file) => !isOfLab(file)), ...waiting.filter(isOfLab)]
}

/**
 * What `npm test` has no time for: every other scenario, Calico's own code, faults that take long, and many more random worlds of policy. `RUNS` is the number of
 * worlds, `SEED` where they begin; a hundred a second or so. The kernel judges some of them.
 */
const longStages = () => [
  BUILD,
  TUTORIAL,
  CALICO_CLIENT,
  TERRAFORM,
  SLOW_FAULTS,
  SHELLS,
  LARGE_MESH,
  PACKAGE,
  IMAGE,
  SLOTS,
  FUZZED_API,
  DIAGNOSE,
  CONSOLE,
  ...policyStages(),
  ...otherScenarios().map(scenarioStage),
]

/** Typed as it stands, beside the lab that it starts. */
const TUTORIAL = {name: 'tutorial', command: ['mocha', 'test/docs/tutorial.long.ts'], needs: 'build', count: countMocha}

/** What is written back, read by Calico's own client and by Felix' syncer; Go builds them. */
const CALICO_CLIENT = {
  name: "Calico's own client",
  command: ['mocha', 'test/calico-client/calico-client.long.ts'],
  skip: () => spawnSync('go', ['version']).status !== 0,
  count: countMocha,
}

/** Modules that have no provider are planned, by Terraform or by OpenTofu, which Go builds the first time. */
const TERRAFORM = {
  name: 'terraform, for real',
  command: ['mocha', 'test/terraform/*.long.ts'],
  skip: () => ['go', 'terraform', 'tofu'].every((program) => spawnSync(program, ['version']).status !== 0),
  count: countMocha,
}

/** Faults that are mostly waited for, and those of `npm test` that are hastened there, with the times of a gateway. */
const SLOW_FAULTS = {
  name: 'slow faults',
  command: ['mocha', 'test/etcd/*.long.ts', 'test/takeover/*.long.ts', 'test/gateway/election.etcd.test.ts'],
  env: {LEASE_S: '5'},
  count: countMocha,
}

/** In Debian's Chromium, which is no small thing to install: 124 MB, most of a minute (decision 0166). */
const CONSOLE = {
  name: 'console in Chromium',
  command: ['mocha', 'test/console/*.long.ts'],
  needs: 'build',
  skip: () => !existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium'),
  count: countMocha,
}

/** Command lines completed at TAB, questions answered: in shells at terminals. */
const SHELLS = {
  name: 'command line at terminals',
  command: ['mocha', 'test/cli/**/*.long.ts'],
  count: countMocha,
}

/** Each thing that `isthmus diagnose` tells, broken, seen and repaired in one lab. */
const DIAGNOSE = {
  name: 'diagnose, thing by thing',
  command: ['mocha', 'test/diagnose/lab/diagnose.long.ts'],
  needs: 'build',
  count: countMocha,
}

/** Every pair of a thousand sites, where `npm test` looks at some. */
const LARGE_MESH = {
  name: 'every pair of a large mesh',
  command: ['mocha', 'test/plan/large-mesh.test.ts'],
  env: {MESH: 'all'},
  count: countMocha,
}

/** The Debian package from install to purge, in a container with systemd. */
const PACKAGE = {
  name: 'package',
  command: ['mocha', 'test/appliance/package.long.ts'],
  needs: 'build',
  count: countMocha,
}

/** Ten minutes, half of them for packages that have not been fetched before. */
const IMAGE = {name: 'image', command: [PINNED_NODE, 'scripts/image.mjs'], needs: 'build'}

/** Booted as machines, joined, upgraded, told wrong things, cut off; CUTS: how often the power goes in the middle of an upgrade. */
const SLOTS = {
  name: 'appliance',
  command: ['mocha', 'test/appliance/image/*.long.ts'],
  env: {CUTS: process.env.CUTS ?? '20'},
  needs: 'image',
  count: countMocha,
}

/** Many more requests than in `npm test`, a thousand streams ten times over, and clients that are slow. */
const FUZZED_API = {
  name: 'fuzzed API',
  command: ['mocha', 'test/api/fuzz.test.ts'],
  env: {RUNS: process.env.RUNS ?? '20000'},
  count: countMocha,
}

function policyStages() {
  const {RUNS = '20000', KERNEL_WORLDS = '400', JUDGED_WORLDS = '10000'} = process.env
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
    {
      name: 'random worlds of policy in the fast path',
      command: ['mocha', 'test/apply/fast-path/judging.kernel.test.ts'],
      env: {JUDGED_WORLDS},
      count: countMocha,
    },
  ]
}

/** Whether the running kernel makes tunnels of all kinds; tried in a network namespace that goes at once. */
function hasTunnelModules() {
  tunnelModules ??= triesTunnelModules()
  return tunnelModules
}
let tunnelModules

function triesTunnelModules() {
  const can = (words) => spawnSync('unshare', ['--net', 'ip', ...words.split(' ')]).status === 0
  const kinds = ['ipip local 192.0.2.1 remote 192.0.2.2', 'sit local 192.0.2.1 remote 192.0.2.2', 'ip6tnl', 'wireguard']
  spawnSync('modprobe', ['-q', 'fou'])
  return kinds.every((kind) => can(`link add is-probe type ${kind}`)) && can('fou add port 5555 ipproto 4')
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
  const isNamed = (stage, name) => stage.name === name || stage.name.startsWith(`${name}: `)
  const unknown = names.filter((name) => !stages.some((stage) => isNamed(stage, name)))
  if (unknown.length > 0) {
    console.error(`No such stage: ${unknown.join(', ')}. Stages: ${stages.map(({name}) => name).join(', ')}.`)
    process.exit(2)
  }
  await prepareMachine()
  const total = {passed: 0, failed: 0}
  const broken = new Map()
  const wanted = stages.filter((stage) => names.length === 0 || names.some((name) => isNamed(stage, name)))
  for (const group of groupsOf(wanted.filter((stage) => !stage.skip?.()))) {
    const ready = group.filter((stage) => !broken.has(stage.needs))
    for (const {name, needs} of group.filter((stage) => broken.has(stage.needs))) {
      console.log(`\n── ${name}: left out, since ${needs} failed`)
      total.failed++
    }
    for (const {clears} of ready) if (clears) rmSync(path.join(ROOT, clears), {recursive: true, force: true})
    await runTogether(ready, (stage, {passed, failed, faults}) => {
      total.passed += passed
      total.failed += failed
      if (failed > 0) broken.set(stage.name, faults)
    })
  }
  if (total.failed > 0) process.exitCode = 1
  // Once more at the end, since who keeps only part of the output keeps that.
  for (const [name, faults] of broken) console.log(`\n── failed in ${name}\n${faults.trimEnd()}`)
  console.log(`\n${total.passed} passed, ${total.failed} failed`)
}

function groupsOf(stages) {
  const groups = []
  for (const stage of stages) {
    if (stage.beside && groups.length > 0) groups.at(-1).push(stage)
    else groups.push([stage])
  }
  return groups
}

/** The first tells what it does as it does it, each other one when those before it are done. */
async function runTogether(stages, done) {
  const [first, ...others] = stages
  if (!first) return
  const later = others.map((stage) => {
    const said = []
    return {stage, said, ended: runStage(stage, (text) => said.push(text))}
  })
  done(first, await runStage(first, (text) => process.stdout.write(text)))
  for (const {stage, said, ended} of later) {
    const counts = await ended
    process.stdout.write(said.join(''))
    done(stage, counts)
  }
}

async function runStage({name, command, extra, env, quietStdout, count}, say) {
  say(`\n── ${name}\n`)
  const began = performance.now()
  const {status, output, errors} = await run([...command, ...(extra?.() ?? [])], env, say, quietStdout)
  const counts = count?.(output, say) ?? {passed: 0, failed: 0}
  // A stage that died without saying what failed still failed.
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  counts.faults ||= `${output}\n${errors}`.trim().split('\n').slice(-20).join('\n')
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  say(`── ${name}: ${counts.failed === 0 ? 'ok' : `FAILED (${counts.failed})`} in ${seconds} s\n`)
  return counts
}

/** Mocha ends when nothing is left to wait for: a socket that a test forgot is waited for for ever. */
const HUNG_MS = 120_000

/** Says the output as it comes and keeps it. */
function run([command, ...args], env, say, quietStdout) {
  return new Promise((resolve) => {
    const file = command.includes('/') ? command : path.join(ROOT, 'node_modules/.bin', command)
    const child = spawn(file, args, {cwd: ROOT, env: {...ENVIRONMENT, ...env}, stdio: ['ignore', 'pipe', 'pipe']})
    let output = ''
    let errors = ''
    let hung
    const end = () => {
      say(`nothing for ${HUNG_MS / 1000} s after the last test: one of them leaves something open, and is ended\n`)
      child.kill('SIGKILL')
    }
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      if (!quietStdout) say(text)
      clearTimeout(hung)
      if (/^\d+ passed, \d+ failed, \d+ skipped\s*$/m.test(output.slice(-80))) hung = setTimeout(end, HUNG_MS)
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text
      say(text)
    })
    child.on('error', (error) => {
      say(`${error.message}\n`)
      resolve({status: 1, output, errors})
    })
    child.on('close', (status) => {
      clearTimeout(hung)
      resolve({status: status ?? 1, output, errors})
    })
  })
}

/** The closing line of test/support/reporter.cjs. */
function countMocha(output) {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed, \d+ skipped$/gm)]
  const last = lines.at(-1)
  if (!last) return {passed: 0, failed: 1}
  const faults = /^ {2}\d+ failing\n[\s\S]*?(?=^\d+ passed, )/m.exec(output)?.[0]
  return {passed: Number(last[1]), failed: Number(last[2]), faults}
}

/** The lab's verify answer, shown as a list: what holds, what does not and why. */
function countChecks(output, say) {
  let answer
  try {
    answer = JSON.parse(output)
  } catch {
    say(`${output}\n`)
    return {passed: 0, failed: 1}
  }
  const lines = answer.checks.map(({name, ok, detail}) => `  ${ok ? '✔' : '✘'} ${name}${detail ? `: ${detail}` : ''}\n`)
  for (const line of lines) say(line)
  const failed = answer.checks.flatMap(({ok}, at) => (ok ? [] : [lines[at]]))
  return {passed: lines.length - failed.length, failed: failed.length, faults: failed.join('')}
}
