import assert from 'node:assert/strict'
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parse} from 'yaml'
import {startApi} from '../../../src/api/index.ts'
import {parseGatewayConfig} from '../../../src/config/index.ts'
import {fakeView} from '../../support/fake-view.ts'
import {type CliResult, cli} from '../../support/run-cli.ts'

const PACKAGED = readFileSync(path.resolve(import.meta.dirname, '../../../appliance/debian/gateway.yaml'), 'utf8')
const ANSWERS = 'site: a\ngateway: a1\naddress: 192.0.2.1\nowns: [10.1.0.0/16]\ninfrastructure: []\n'

describe('isthmus setup', () => {
  let folder: string
  let file: string
  const write = (name: string, text: string): string => {
    const place = path.join(folder, name)
    writeFileSync(place, text)
    return place
  }
  const read = (): string => readFileSync(file, 'utf8')
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-setup-'))
    file = path.join(folder, 'gateway.yaml')
  })
  afterEach(() => rmSync(folder, {recursive: true}))
  const setup = (...words: string[]): Promise<CliResult> => cli(['setup', '--config', file, ...words])

  it('writes what the answers say in the place of the file of the package, checks it and says what comes next', async () => {
    writeFileSync(file, PACKAGED, {mode: 0o640})
    const {status, out} = await setup(
      '--answers',
      write('answers.yaml', ANSWERS),
      '--twin',
      'a2',
      '--lan-device',
      'none',
    )
    assert.equal(status, 0)
    const {config} = parseGatewayConfig(read(), 'x')
    assert.deepEqual([config!.site, config!.twin, config!.owns], ['a', 'a2', ['10.1.0.0/16']])
    assert.match(
      out,
      /gateway a1 of site a, written and checked\nnext:\n {2}isthmus site init --server a1=192\.0\.2\.1 /,
    )
    assert.match(out, /systemctl restart isthmus && isthmus status\n$/)
    assert.equal(statSync(file).mode & 0o777, 0o640)
    assert.deepEqual(readdirSync(folder).sort(), ['answers.yaml', 'gateway.yaml'])
  })

  it('makes a file that is not there, for its folder', async () => {
    assert.equal((await setup('--answers', write('answers.yaml', ANSWERS))).status, 0)
    assert.equal(statSync(file).mode & 0o777, 0o640)
    assert.equal(statSync(file).gid, statSync(folder).gid)
  })

  it('prints and writes nothing', async () => {
    const {status, out} = await setup('--answers', write('answers.yaml', ANSWERS), '--print')
    assert.equal(status, 0)
    assert.equal(parseGatewayConfig(out, 'x').config!.gateway, 'a1')
    assert.deepEqual(readdirSync(folder), ['answers.yaml'])
  })

  it('all that is wrong at once, each with its place in the file or its flag, and nothing is written', async () => {
    const answers = write(
      'answers.yaml',
      'site: Fra\nowns: [10.1.0.1/16]\nsits: 3\nsites:\n  - name: b\n    owns: 10.2.0.0/16\n',
    )
    const {status, err} = await setup('--answers', answers, '--default', 'maybe')
    assert.equal(status, 1)
    const lines = err.trim().split('\n')
    for (const start of [
      `${answers}:1:1: error config-invalid site: "Fra" is not a site name`,
      `${answers}:2:1: error config-invalid owns: "10.1.0.1/16" is not a prefix`,
      `${answers}:3:1: error config-unknown-key sits: no such answer; did you mean site?`,
      `${answers}:5:5: error config-missing sites.0.endpoints: nothing is said`,
      'error config-invalid --default: must be one of "allow", "deny"',
    ])
      assert.equal(lines.filter((line) => line.startsWith(start)).length, 1, `${start} in\n${err}`)
    assert.equal(lines.length, 5, err)
    assert.deepEqual(readdirSync(folder), ['answers.yaml'])
  })

  const broken: {name: string; answers: string; says: RegExp}[] = [
    {name: 'no YAML', answers: 'site: [', says: /:\d+:\d+: error config-syntax: not YAML/},
    {name: 'a list', answers: '- site', says: /must be answers/},
    {name: 'sites that are no list', answers: 'sites: {b: 1}', says: /sites: must be a list of sites/},
    {name: 'an answer that is a map', answers: 'owns: {a: 1}', says: /owns: must be a word, a number or a list/},
  ]
  for (const {name, answers, says} of broken) {
    it(`a file of answers that is ${name}`, async () => {
      const {status, err} = await setup('--answers', write('answers.yaml', answers))
      assert.equal(status, 1)
      assert.match(err, says)
    })
  }

  it('a file of answers that is not there', async () => {
    const {status, err} = await setup('--answers', path.join(folder, 'none'))
    assert.equal(status, 2)
    assert.match(err, /cannot be read: ENOENT/)
  })

  describe('where a gateway is configured already', () => {
    const OTHER = `# ours\n${ANSWERS}`
    beforeEach(async () => {
      await setup('--answers', write('answers.yaml', ANSWERS), '--gateway', 'old')
    })

    it('nothing is changed unless it is said', async () => {
      const before = read()
      const {status, err} = await setup('--answers', write('answers.yaml', OTHER))
      assert.equal(status, 1)
      assert.match(
        err,
        /gateway old of site a is configured in .*gateway\.yaml: nothing was changed\. --replace writes another/,
      )
      assert.equal(read(), before)
    })

    it('--replace keeps what was there', async () => {
      const before = read()
      const {status, out} = await setup('--answers', write('answers.yaml', OTHER), '--replace')
      assert.equal(status, 0)
      assert.match(out, /what was there is .*gateway\.yaml\.before-setup/)
      assert.equal(readFileSync(`${file}.before-setup`, 'utf8'), before)
      assert.equal(parseGatewayConfig(read(), 'x').config!.gateway, 'a1')
    })

    it('a file that is no configuration is one that somebody wrote, too', async () => {
      writeFileSync(file, 'site: [')
      const {status, err} = await setup('--answers', write('answers.yaml', ANSWERS))
      assert.equal(status, 1)
      assert.match(err, /is not empty: nothing was changed/)
    })

    it('not while the gateway runs', async () => {
      const socketPath = path.join(folder, 'api.sock')
      const api = await startApi({view: fakeView(), socketPath, metrics: null, onError: assert.fail})
      try {
        const before = read()
        const words = ['setup', '--config', file, '--answers', write('answers.yaml', ANSWERS), '--replace']
        const {status, err} = await cli(words, socketPath)
        assert.equal(status, 1)
        assert.match(err, /and runs: nothing was changed\. .*`isthmus config apply FILE --confirm 5m`/)
        assert.equal(read(), before)
      } finally {
        await api.close()
      }
    })

    it('a link to the file stays one', async () => {
      const real = path.join(folder, 'real')
      mkdirSync(real)
      writeFileSync(path.join(real, 'g.yaml'), PACKAGED)
      rmSync(file)
      symlinkSync(path.join(real, 'g.yaml'), file)
      assert.equal((await setup('--answers', write('answers.yaml', ANSWERS))).status, 0)
      assert.ok(parseGatewayConfig(readFileSync(path.join(real, 'g.yaml'), 'utf8'), 'x').config)
    })
  })

  it('a folder that cannot be written: nothing is left', async () => {
    const {status, err} = await cli([
      ...['setup', '--config', '/proc/isthmus/gateway.yaml'],
      ...['--answers', write('answers.yaml', ANSWERS)],
    ])
    assert.equal(status, 2)
    assert.match(err, /nothing was changed: /)
  })

  it('cloud-init: a snippet whose answers do the same on the machine', async () => {
    const {status, out} = await setup(
      '--answers',
      write('answers.yaml', ANSWERS),
      '--cloud-init',
      '--public',
      '198.51.100.1',
    )
    assert.equal(status, 0)
    assert.match(out, /^#cloud-config\n/)
    const {write_files: files, runcmd} = parse(out) as {
      write_files: {path: string; content: string; permissions: string}[]
      runcmd: string[][]
    }
    assert.deepEqual(runcmd, [
      ['isthmus', 'setup', '--answers', '/etc/isthmus/setup.yaml'],
      ['systemctl', 'restart', 'isthmus'],
    ])
    assert.deepEqual(
      files.map((one) => [one.path, one.permissions]),
      [['/etc/isthmus/setup.yaml', '0640']],
    )
    const there = await setup('--answers', write('there.yaml', files[0]!.content), '--print')
    const here = await setup('--answers', write('answers.yaml', ANSWERS), '--public', '198.51.100.1', '--print')
    assert.equal(there.status, 0, there.err)
    assert.equal(there.out, here.out)
  })

  it('cloud-init: what no machine can tell must be said here', async () => {
    const {status, out, err} = await setup('--cloud-init', '--address', 'eth0', '--owns', '10.1.0.1/16')
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, /error config-missing --site: nothing is said/)
    assert.match(err, /error config-invalid --owns: "10\.1\.0\.1\/16" is not a prefix/)
    assert.doesNotMatch(err, /--address/)
  })

  describe('at a terminal', () => {
    const typed = async (lines: readonly string[], ...words: string[]): Promise<CliResult> => {
      const left = [...lines]
      return cli(['setup', '--config', file, ...words], undefined, undefined, {ask: async () => left.shift() ?? null})
    }
    // Everything that this machine would propose is said by flags.
    const FLAGS = ['--gateway', 'a1', '--address', '192.0.2.1', '--infrastructure', 'none', '--twin', 'none']
    const ALL_ELSE = [
      ...['--site', 'a', '--interconnect', '100.64.0.0/16', '--number', '3', '--gateway-number', '0', '--as', '65001'],
      ...['--public', 'none', '--owns', '10.1.0.0/16', '--default', 'deny', '--etcd', 'here', '--kind', 'isthmus'],
      ...['--nodes', 'none', '--router', 'none', '--authorities', 'a', '--metrics', 'none'],
    ]
    const ASKED = ['100.64.0.0/16', '3', '', '', 'none', '10.1.0.1/16', '10.1.0.0/16', ...Array(5).fill('')]

    it('asks, says what is wrong at once and asks again; writes when it may', async () => {
      const {status, out} = await typed(['Fra', 'fra', ...ASKED, '', '', '', 'y'], ...FLAGS)
      assert.equal(status, 0, out)
      assert.match(out, /site: {3}no: "Fra" is not a site name.*\nsite: /)
      assert.match(out, /owns: {3}no: "10\.1\.0\.1\/16" is not a prefix/)
      assert.match(out, /write this to .*\? \[y\/N\] /)
      const {config} = parseGatewayConfig(read(), 'x')
      assert.deepEqual([config!.site, config!.as, config!.owns], ['fra', 4200000003, ['10.1.0.0/16']])
    })

    it('writes nothing where the answer is not yes, or where nobody answers any more', async () => {
      for (const lines of [['fra', ...ASKED, '', '', '', ''], ['fra', '100.64.0.0/16'], []]) {
        const {status, err} = await typed(lines, ...FLAGS)
        assert.equal(status, 1)
        assert.match(err, /nothing was changed\n$/)
        assert.deepEqual(readdirSync(folder), [])
      }
    })

    it('a wrong flag is said before the first question', async () => {
      const {status, out, err} = await typed([], '--default', 'maybe')
      assert.deepEqual([status, out], [1, ''])
      assert.match(err, /--default: must be one of/)
    })

    it('asks for other sites until there are no more', async () => {
      const b = ['b', '10.2.0.0/16', 'x', 'https://198.51.100.2:2379', 'fou', '']
      const {status, out} = await typed(['fra', ...ASKED, ...b, '', '', '', 'y'], ...FLAGS)
      assert.equal(status, 0, out)
      assert.equal(parseGatewayConfig(read(), 'x').config!.sites.values().next().value!.encapsulation, 'fou')
      assert.match(out, /endpoints of b: {3}no: "x" is not an etcd address/)
      assert.match(out, /isthmus site join b --from b-for-fra/)
    })

    it('shows what another configuration changes before it takes its place', async () => {
      await setup('--answers', write('answers.yaml', ANSWERS), '--default', 'allow')
      const {status, out} = await typed(['none', 'y'], ...FLAGS, ...ALL_ELSE)
      assert.equal(status, 0, out)
      assert.match(
        out,
        /^gateway a1 of site a is configured in .* already; another one takes its place only if you say so/,
      )
      assert.match(out, /~ default: "allow" → "deny"\n/)
      assert.match(out, /replace it\? It is kept as .*\.before-setup/)
      assert.match(read(), /^default: deny$/m)
    })
  })
})
