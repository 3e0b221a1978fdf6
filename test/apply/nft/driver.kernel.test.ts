import assert from 'node:assert/strict'
import {createNftDriver, type NftDriver} from '../../../src/apply/nft/index.ts'
import {createProcessRunner} from '../../../src/apply/nft/process.ts'
import {diffNft} from '../../../src/diff/index.ts'
import {
  type ActualNft,
  classidText,
  markText,
  type NftSet,
  type NftStep,
  type NftTable,
  prefixElement,
  rangeElement,
  stepKey,
} from '../../../src/model/index.ts'
import {parsePrefix} from '../../../src/net/index.ts'
import {describeDriver} from '../../contract/driver.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'
import {generationSets, listed, nftSet} from './sets.ts'

function table(sets: readonly NftSet[], chains: Record<string, readonly string[]>): NftTable {
  const hook = {type: 'filter', hook: 'forward', priority: 0, policy: 'drop'} as const
  return {
    family: 'inet',
    name: 'isthmus',
    counters: ['invalid', 'spoofed'],
    sets: new Map([...generationSets, ...sets].map((one) => [one.name, one])),
    chains: new Map(
      Object.entries(chains).map(([name, rules]) => [name, {name, hook: name === 'forward' ? hook : null, rules}]),
    ),
  }
}

/** The steps that the gateway's own diff makes. */
const steps = (wanted: NftTable, held: ActualNft | null): NftStep[] => diffNft(wanted, held)

/** One of every type that the compiler uses, in canonical text. */
const FULL = table(
  [
    nftSet('class4', 'ipv4_addr', 'mark', [
      ['10.1.0.5', markText(7)],
      ['10.1.0.6', markText(0xfffffffe)],
    ]),
    nftSet('class6', 'ipv6_addr', 'mark', [
      ['fd00::5', markText(7)],
      ['2001:db8:0:1:1:1:1:1', markText(8)],
      ['::ffff:a01:203', markText(9)],
    ]),
    nftSet('dest4', 'ipv4_addr', 'classid', [
      ['10.1.0.5', classidText(0, 2)],
      ['10.1.0.6', classidText(1, 0xa1)],
      ['10.1.0.7', classidText(0xffff, 0x10)],
    ]),
    nftSet('pairs', 'mark . classid', 'verdict', [
      [`${markText(1)} . ${classidText(0, 2)}`, 'goto c_7'],
      [`${markText(2)} . ${classidText(0x10, 0xf)}`, 'jump c_7'],
      [`${markText(3)} . 0:1`, 'drop'],
      [`${markText(4)} . 0:1`, 'accept'],
      [`${markText(5)} . 0:1`, 'return'],
    ]),
    nftSet('inbound', 'ifname', 'verdict', [
      ['is-b-1f2e', 'jump c_7'],
      ['mark', 'jump c_7'],
    ]),
    nftSet('tunnels', 'ifname', null, [
      ['is-b-1f2e', ''],
      ['is-c.1', ''],
    ]),
    nftSet(
      'nets4',
      'ipv4_addr',
      'mark',
      [
        ['10.0.0.0/8', markText(1)],
        [rangeElement({family: 4, first: 0x0b000000n, last: 0x0b000005n}), markText(2)],
        [prefixElement(parsePrefix('12.0.0.1/32')!), markText(3)],
        [rangeElement({family: 4, first: 0x0d000000n, last: 0x0d0000ffn}), markText(4)],
      ],
      {interval: true},
    ),
    nftSet(
      'nets6',
      'ipv6_addr',
      null,
      [
        ['fd00::/8', ''],
        ['fe80::1', ''],
        ['2001:db8::1-2001:db8::5', ''],
      ],
      {interval: true},
    ),
    nftSet(
      'ports',
      'inet_service',
      null,
      [
        ['80', ''],
        ['8000-8100', ''],
      ],
      {interval: true},
    ),
    nftSet('services', 'ipv4_addr . inet_proto . inet_service', 'verdict', [['10.1.0.5 . tcp . 80', 'accept']]),
  ],
  {
    c_7: ['tcp dport { 80, 443, 1000-2000 } accept', 'counter name "invalid" drop'],
    allowed: ['meta mark set 0x00000000 meta priority set 0:0', 'ct mark set meta nfproto map @current', 'accept'],
    forward: [
      'iifname vmap @inbound',
      'ct state invalid counter name "invalid" drop',
      'ct mark @generation accept',
      'meta mark set ip saddr map @class4',
      'meta priority set ip daddr map @dest4',
      'meta mark . meta priority vmap @pairs',
      'goto allowed',
    ],
  },
)

inNamespace(import.meta.url, () => {
  const {signal} = new AbortController()
  const opened: NftDriver[] = []
  const open = (options = {}) => {
    const driver = createNftDriver(options)
    opened.push(driver)
    return driver
  }
  afterEach(async () => {
    for (const driver of opened.splice(0)) await driver.close()
    shell('nft flush ruleset')
  })
  const view = (part: ActualNft | null) => part && [[...part.counters].sort(), part.sets, listed(part.chains)]
  const kernelText = () => shell('nft -s list table inet isthmus')

  const base = {needs: [], reason: 'test', driver: 'nft'} as const
  for (const options of [{}, {runner: createProcessRunner}] as const) {
    const kind = 'runner' in options ? 'process' : 'library'
    describeDriver(`nft by ${kind}`, () => ({
      open: () => open('runner' in options ? {runner: options.runner()} : {}),
      make: steps(FULL, null),
      unmake: [
        ...FULL.counters.map(
          (name) => ({...base, key: stepKey(`counter ${name}`), do: 'counter-delete', name}) as const,
        ),
        ...[...FULL.sets.keys()].map(
          (name) => ({...base, key: stepKey(`set ${name}`), do: 'set-delete', name}) as const,
        ),
        ...[...FULL.chains.keys()].map(
          (name) => ({...base, key: stepKey(`chain ${name}`), do: 'chain-delete', name}) as const,
        ),
        {
          ...base,
          key: stepKey('elements'),
          do: 'elements',
          set: 'class4',
          add: new Map(),
          delete: new Map([...FULL.sets.get('class4')!.elements, ['10.99.0.1', markText(1)]]),
        },
        {...base, key: stepKey('never'), do: 'chain-delete', name: 'never'},
        {...base, key: stepKey('never set'), do: 'set-delete', name: 'never'},
        {...base, key: stepKey('never counter'), do: 'counter-delete', name: 'never'},
      ],
      foreign: {
        create: () =>
          shell(
            'nft -f -',
            'table ip isthmus {\n chain forward { \n accept\n }\n }\ntable inet other {\n set s { type mark; elements = { 1 }\n }\n }\n',
          ),
        show: () => shell('nft list table ip isthmus; nft list table inet other'),
      },
      refused: {
        step: {
          ...base,
          key: stepKey('bad'),
          do: 'chain-set',
          name: 'late',
          hook: null,
          rules: ['ip saddr @elsewhere drop'],
        },
        provoke: () => undefined,
        mend: () => shell('nft -f -', 'add table inet isthmus\nadd set inet isthmus elsewhere { type ipv4_addr; }\n'),
      },
      view,
    }))
  }

  describe('nft driver', () => {
    it('runs in process where the library is', () => assert.equal(open().kind, 'library'))

    it('reads back every type of element in exactly the text that was given', async () => {
      await bringNft(open(), FULL)
      const held = await open().read(signal)
      assert.deepEqual(steps(FULL, held), [])
      for (const [name, {elements, external}] of FULL.sets) {
        if (!external)
          assert.deepEqual(new Map([...held!.sets.get(name)!.elements].sort()), new Map([...elements].sort()))
      }
      assert.equal(held!.chains.get('forward')!.hook, 'filter forward 0 drop')
    })

    it('remembers the same as it would read, through any change', async () => {
      const driver = open()
      const other = table(
        [
          nftSet('class4', 'ipv4_addr', 'mark', [
            ['10.1.0.5', markText(9)],
            ['10.1.0.99', markText(1)],
          ]),
          // Declared otherwise while rules that stay refer to it.
          nftSet('tunnels', 'ifname', 'verdict', [['is-b-1f2e', 'jump c_9']]),
        ],
        {
          c_9: ['accept'],
          allowed: FULL.chains.get('allowed')!.rules,
          forward: ['iifname vmap @tunnels', 'goto allowed'],
        },
      )
      for (const wanted of [FULL, other, FULL, table([], {}), other]) {
        await bringNft(driver, wanted)
        assert.deepEqual(view(await open().read(signal)), view(await driver.read(signal)))
        assert.deepEqual(steps(wanted, await driver.read(signal)), [])
      }
    })

    it('makes a set anew under rules that do not change, and a chain another hook', async () => {
      const driver = open()
      const rules = ['ip saddr @nets accept', 'tcp dport { 1, 2, 3 } drop']
      const plain = table([nftSet('nets', 'ipv4_addr', null, [['10.0.0.1', '']])], {forward: rules})
      const ranges = table([nftSet('nets', 'ipv4_addr', null, [['10.0.0.0/8', '']], {interval: true})], {
        forward: rules,
      })
      await bringNft(driver, plain)
      const before = kernelText()
      await bringNft(driver, ranges)
      assert.deepEqual(steps(ranges, await open().read(signal)), [])
      await bringNft(driver, plain)
      assert.equal(kernelText(), before)
      const {forward} = Object.fromEntries(plain.chains)
      const moved = {...plain, chains: new Map([['forward', {...forward!, hook: {...forward!.hook!, priority: -10}}]])}
      await bringNft(driver, moved)
      assert.deepEqual(steps(moved, await open().read(signal)), [])
    })

    it('cuts an interval into others, and joins them again, with those beside it as they were', async () => {
      const driver = open()
      const map = (...elements: [string, string][]) =>
        table([nftSet('cidr', 'ipv4_addr', 'mark', elements, {interval: true})], {})
      const whole = map(['10.3.0.0/16', '0x00000001'], ['10.4.0.0/16', '0x00000002'])
      const cut = map(
        ['10.3.0.0/24', '0x00000005'],
        ['10.3.1.0-10.3.255.255', '0x00000006'],
        ['10.4.0.0/16', '0x00000002'],
      )
      for (const wanted of [whole, cut, whole, map(['10.4.0.0/15', '0x00000003']), cut]) {
        await bringNft(driver, wanted)
        assert.deepEqual(steps(wanted, await open().read(signal)), [])
      }
    })

    it('names the step that was refused, with the words of nft, and applies nothing', async () => {
      const driver = open()
      await bringNft(driver, FULL)
      const before = kernelText()
      const good: NftStep = {...base, key: stepKey('good'), do: 'counter-add', name: 'another'}
      const bad: NftStep = {
        ...base,
        key: stepKey('bad'),
        do: 'elements',
        set: 'pairs',
        add: new Map([[`${markText(9)} . 0:9`, 'goto nowhere']]),
        delete: new Map(),
      }
      const outcomes = await driver.apply([good, bad], signal)
      assert.deepEqual(
        outcomes.map((outcome) => [outcome.step, outcome.ok || outcome.code]),
        [
          ['good', 'skipped'],
          ['bad', 'refused'],
        ],
      )
      assert.match(outcomes[1]!.ok ? '' : outcomes[1]!.cause, /No such file or directory.*goto nowhere/)
      assert.equal(kernelText(), before)

      // Where there is no room for the script that would tell the line.
      const folder = process.env.TMPDIR
      process.env.TMPDIR = '/nonexistent'
      try {
        const told = await driver.apply([good, bad], signal)
        assert.match(told.map((outcome) => (outcome.ok ? '' : outcome.cause)).join(), /No such file or directory/)
      } finally {
        if (folder === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = folder
      }
    })

    it('refuses an element that does not fit its set, before nft sees it', async () => {
      const driver = open()
      await bringNft(driver, FULL)
      const [outcome] = await driver.apply(
        [
          {
            ...base,
            key: stepKey('odd'),
            do: 'elements',
            set: 'tunnels',
            add: new Map([['is-x', 'drop']]),
            delete: new Map(),
          },
        ],
        signal,
      )
      assert.deepEqual(outcome, {ok: false, step: 'odd', code: 'refused', cause: 'element is-x : drop of set tunnels'})
    })

    it('shows rules without our mark as foreign, and diff puts ours back', async () => {
      const driver = open()
      await bringNft(driver, FULL)
      shell('nft add rule inet isthmus c_7 drop')
      driver.distrust()
      assert.deepEqual((await driver.read(signal))!.chains.get('c_7')!.rules.at(-1), 'foreign')
      await bringNft(driver, FULL)
      assert.deepEqual(steps(FULL, await open().read(signal)), [])
    })

    it('hears of what others change, and not of its own', async () => {
      const driver = open()
      await bringNft(driver, FULL)
      let heard = 0
      const end = driver.watch(() => heard++)
      await driver.raiseGeneration()
      // Two polls of the watch.
      await new Promise((resolve) => setTimeout(resolve, 1100))
      assert.equal(heard, 0)
      shell('nft delete element inet isthmus class4 "{ 10.1.0.5 }"')
      await eventually(() => heard === 1)
      await bringNft(driver, FULL)
      assert.match(kernelText(), /10\.1\.0\.5 : 0x00000007/)
      shell('nft delete table inet isthmus')
      await eventually(() => heard === 2)
      assert.equal(await driver.read(signal), null)
      end()
    })

    it('comes through when the table goes away between read and apply', async () => {
      const driver = open()
      await bringNft(driver, FULL)
      shell('nft delete table inet isthmus')
      const change = steps(table([], {forward: ['accept']}), await driver.read(signal))
      assert.ok((await driver.apply(change, signal)).every(({ok}) => ok))
      driver.distrust()
      await bringNft(driver, FULL)
      assert.deepEqual(steps(FULL, await open().read(signal)), [])
    })

    it('counts by name', async () => {
      const driver = open()
      assert.deepEqual(await driver.readCounters(), new Map())
      await bringNft(driver, FULL)
      shell('nft -f -', 'table ip other {\n counter spoofed { packets 5 bytes 6\n }\n }\n')
      shell(
        'nft delete counter inet isthmus spoofed; nft add counter inet isthmus spoofed "{ packets 7 bytes 5000000000 }"',
      )
      assert.deepEqual(
        await driver.readCounters(),
        new Map([
          ['invalid', {packets: 0, bytes: 0}],
          ['spoofed', {packets: 7, bytes: 5_000_000_000}],
        ]),
      )
    })
  })
})
