import assert from 'node:assert/strict'
import {
  type Journal,
  keepInstalled,
  resume,
  rollBack,
  type UpgradeMachine,
  UpgradeRefused,
  upgrade,
} from '../../src/cli/upgrade.ts'
import {cli} from '../support/run-cli.ts'

/** A machine that holds state, and fails where it is told to. */
function machineWith(start: {
  readonly kept?: readonly string[]
  readonly bad?: readonly string[]
  readonly refusing?: readonly string[]
  readonly uninstallable?: readonly string[]
  readonly distrust?: string
  readonly architecture?: string
}) {
  const state = {version: '0.1.0', whole: true, othersWhole: true, kept: new Set(start.kept ?? ['0.1.0'])}
  let journal: Journal = {pending: null, previous: null}
  /** What has a boot resume. */
  let isMarked = false
  const said: string[] = []
  const versionOf = (file: string): string => /isthmus_(.*)_/.exec(file)![1]!
  /** Cut off before this many changes. */
  let power = Number.POSITIVE_INFINITY
  const change = (): void => {
    if (power-- <= 0) throw new Error('power cut')
  }
  const machine: UpgradeMachine = {
    architecture: async () => 'amd64',
    installed: async () => ({version: state.version, whole: state.whole}),
    facts: async (file) => ({
      name: file.includes('isthmus') ? 'isthmus' : 'other',
      version: file.includes('isthmus') ? versionOf(file) : '1',
      architecture: start.architecture ?? 'amd64',
    }),
    distrust: async () => start.distrust ?? null,
    refusal: async (file) => (start.refusing?.includes(versionOf(file)) ? 'unknown key "news"' : null),
    kept: async (version) => (state.kept.has(version) ? `/kept/isthmus_${version}_amd64.deb` : null),
    async keep(_, {version}) {
      change()
      state.kept.add(version)
      return `/kept/isthmus_${version}_amd64.deb`
    },
    async install(file) {
      change()
      Object.assign(state, {version: versionOf(file), whole: false})
      change()
      if (start.uninstallable?.includes(state.version)) throw new Error('dpkg: error')
      // Its pages and libraries are others' to look at.
      Object.assign(state, {whole: true, othersWhole: false})
      change()
      state.othersWhole = true
    },
    async configureOthers() {
      state.othersWhole = true
    },
    becomesReady: async (version) => state.whole && state.version === version && !start.bad?.includes(version),
    journal: async () => journal,
    async note(next) {
      if (next.pending !== null) {
        change()
        isMarked = true
      }
      change()
      journal = next
      if (next.pending === null) {
        change()
        isMarked = false
      }
    },
    say: (line) => said.push(line),
  }
  return {
    machine,
    state,
    said,
    journal: () => journal,
    isMarked: () => isMarked,
    cutAfter(changes: number) {
      power = changes
    },
  }
}

const NEW = '/root/isthmus_0.2.0_amd64.deb'

describe('upgrade', () => {
  it('installs what becomes ready, and keeps the way back', async () => {
    const {machine, state, journal} = machineWith({})
    await upgrade(machine, NEW)
    assert.equal(state.version, '0.2.0')
    assert.deepEqual(journal(), {pending: null, previous: '0.1.0'})
    await rollBack(machine)
    assert.equal(state.version, '0.1.0')
    // And forward again.
    await rollBack(machine)
    assert.equal(state.version, '0.2.0')
  })

  const goesBack: {name: string; start: Parameters<typeof machineWith>[0]; says: RegExp}[] = [
    {
      name: 'is not ready in time',
      start: {bad: ['0.2.0']},
      says: /0\.2\.0 was taken back \(its gateway was not ready in time\); 0\.1\.0 is/,
    },
    {name: 'cannot be installed', start: {uninstallable: ['0.2.0']}, says: /0\.2\.0 was taken back \(dpkg: error\)/},
  ]
  for (const {name, start, says} of goesBack) {
    it(`goes back by itself from a version that ${name}`, async () => {
      const {machine, state, journal} = machineWith(start)
      await assert.rejects(upgrade(machine, NEW), says)
      assert.deepEqual([state.version, state.whole], ['0.1.0', true])
      assert.equal(journal().pending, null)
    })
  }

  const refused: {name: string; start: Parameters<typeof machineWith>[0]; file?: string; says: RegExp}[] = [
    {name: 'a file whose checksum does not fit', start: {distrust: 'it is cut off'}, says: /cut off/},
    {name: 'another package', start: {}, file: '/root/bird2.deb', says: /it is the package other/},
    {name: 'another architecture', start: {architecture: 'arm64'}, says: /for arm64, and this machine is amd64/},
    {
      name: 'a version that refuses the configuration',
      start: {refusing: ['0.2.0']},
      says: /does not take the configuration: unknown key/,
    },
    {
      name: 'without a way back',
      start: {kept: []},
      says: /no way back: isthmus upgrade --keep isthmus_0\.1\.0_amd64\.deb/,
    },
  ]
  for (const {name, start, file = NEW, says} of refused) {
    it(`refused: ${name}; nothing is touched`, async () => {
      const {machine, state, cutAfter} = machineWith(start)
      cutAfter(0)
      await assert.rejects(
        upgrade(machine, file),
        (error) => error instanceof UpgradeRefused && says.test(error.message),
      )
      assert.equal(state.version, '0.1.0')
    })
  }

  it('the same version is no upgrade, one that is half installed is', async () => {
    const {machine, state, said, cutAfter} = machineWith({})
    cutAfter(0)
    await upgrade(machine, '/root/isthmus_0.1.0_amd64.deb')
    assert.deepEqual(said, ['isthmus 0.1.0 is installed already'])
    cutAfter(100)
    state.whole = false
    await upgrade(machine, '/root/isthmus_0.1.0_amd64.deb')
    assert.ok(state.whole)
  })

  it('cut off anywhere, of a good version or of a bad one: resumed, one whole version that is ready is in force', async () => {
    for (const bad of [[], ['0.2.0']]) {
      for (let after = 0; after < 16; after++) {
        const {machine, state, journal, isMarked, cutAfter} = machineWith({bad})
        cutAfter(after)
        await upgrade(machine, NEW).catch(() => undefined)
        cutAfter(100)
        if (isMarked()) await resume(machine)
        assert.ok(state.whole && state.othersWhole, `cut after ${after}`)
        assert.ok(state.version === '0.1.0' || (bad.length === 0 && state.version === '0.2.0'), `cut after ${after}`)
        assert.deepEqual([journal().pending, isMarked()], [null, false], `cut after ${after}`)
      }
    }
  })

  it('cut off and taken back, the version before that is still the one to go back to', async () => {
    const {machine, state, journal, cutAfter} = machineWith({kept: ['0.0.9', '0.1.0']})
    await machine.note({pending: null, previous: '0.0.9'})
    cutAfter(4)
    await upgrade(machine, NEW).catch(() => undefined)
    cutAfter(100)
    await resume(machine)
    assert.deepEqual([state.version, journal().previous], ['0.1.0', '0.0.9'])
  })

  it('the first way back is kept only of what is installed', async () => {
    const {machine, state} = machineWith({kept: []})
    await assert.rejects(keepInstalled(machine, NEW), /it is of 0\.2\.0, and 0\.1\.0 is installed/)
    await keepInstalled(machine, '/root/isthmus_0.1.0_amd64.deb')
    await upgrade(machine, NEW)
    assert.equal(state.version, '0.2.0')
  })

  it('there is no way back from the first version', async () => {
    await assert.rejects(rollBack(machineWith({}).machine), /no earlier version/)
  })

  it('a time that is none is wrong usage', async () => {
    assert.equal((await cli(['upgrade', NEW, '--within', 'soon'])).status, 2)
  })
})
