import assert from 'node:assert/strict'
import {columnsAt} from '../../src/cli/columns.ts'
import {type Column, formatAge, formatBytes, formatTable} from '../../src/cli/table.ts'
import {FIRST_ORDER} from '../../src/model/index.ts'

const COLUMNS: readonly Column<{name: string; size: number}>[] = [
  {title: 'NAME', value: ({name}) => name},
  {title: 'HASH', value: ({name}) => `h-${name}`, wide: true},
  {title: 'SIZE', value: ({size}) => String(size), right: true},
]

describe('the order of a tier', () => {
  const [, order] = columnsAt(0).tiers
  for (const [given, shown] of [
    [100, '100'],
    [null, '-'],
    [FIRST_ORDER, 'first'],
  ] as const) {
    it(`${given} is shown as ${shown}`, () => {
      assert.equal(order?.value({name: 't', order: given, defaultAction: 'Deny', policies: 1, endDenied: 0}), shown)
    })
  }
})

describe('the address of an endpoint', () => {
  const [shown] = columnsAt(0).endpoints
  const row = {address: '10.201.0.7', site: 'b', kind: 'pod', names: [], labels: {}, source: 'export/b'} as const
  it('has beside it what a translated site calls it, and nothing where it is the same', () => {
    assert.equal(shown?.value({...row, real: '10.1.0.7'}), "10.201.0.7 (b's 10.1.0.7)")
    assert.equal(shown?.value({...row, real: null}), '10.201.0.7')
  })
})

describe('formatTable', () => {
  it('columns are as wide as their widest value, numbers to the right', () => {
    const rows = [
      {name: 'a', size: 12345},
      {name: 'longer', size: 1},
    ]
    assert.equal(formatTable(COLUMNS, rows), 'NAME      SIZE\na        12345\nlonger       1\n')
  })

  it('wide columns show when asked for', () => {
    assert.equal(formatTable(COLUMNS, [{name: 'a', size: 1}], {wide: true}), 'NAME   HASH   SIZE\na      h-a       1\n')
  })

  it('without rows there is the line of titles', () => assert.equal(formatTable(COLUMNS, []), 'NAME   SIZE\n'))

  it('a control character in a value cannot reach the terminal', () => {
    assert.equal(
      formatTable(COLUMNS, [{name: 'x\u001b[2J\ny', size: 1}]),
      'NAME            SIZE\nx\\x1b[2J\\x0ay      1\n',
    )
  })

  it('what is wider than a byte is counted by characters', () => {
    assert.equal(formatTable(COLUMNS, [{name: 'grün', size: 1}]), 'NAME   SIZE\ngrün      1\n')
  })
})

describe('formatBytes', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536 * 1024, '1.5 MiB'],
    [2 ** 50, '1024.0 TiB'],
  ] as const) {
    it(`${bytes} is ${text}`, () => assert.equal(formatBytes(bytes), text))
  }
})

describe('formatAge', () => {
  for (const [seconds, text] of [
    [null, 'never'],
    [-1, '0 s'],
    [59.9, '59 s'],
    [60, '1 m'],
    [7200, '2 h'],
    [200_000, '2 d'],
  ] as const) {
    it(`${seconds} is ${text}`, () => assert.equal(formatAge(seconds), text))
  }
})
