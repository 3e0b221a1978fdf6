import assert from 'node:assert/strict'
import {printPath, readYaml, readYamlStream} from '../../src/yaml/index.ts'

describe('readYamlStream', () => {
  it('gives each document with its own positions, counted from the top of the text', () => {
    const [first, second, ...others] = readYamlStream('a: 1\n---\n# nothing\n---\nb:\n  - c\n  - {d: 2}\n')
    assert.deepEqual([first?.value, second?.value, others.length], [{a: 1}, {b: ['c', {d: 2}]}, 0])
    assert.deepEqual(second?.at(['b', 1, 'd']), {line: 7, column: 6})
    assert.deepEqual(second?.start, {line: 5, column: 1})
  })

  it('what is missing has the place of what it is missing in', () => {
    const [document] = readYamlStream('a:\n  b: 1\n')
    assert.deepEqual(document?.at(['a', 'c', 'd']), document?.at(['a']))
    assert.equal(document?.has(['a', 'c']), false)
  })

  const faults: [name: string, text: string, message: RegExp][] = [
    ['no YAML', 'a: [1', /./],
    ['a key twice', 'a: 1\na: 2', /unique/],
    ['an alias of nothing', 'a: *b', /alias/],
    ['a tag that nobody knows', 'a: !exec rm', /tag/],
    ['aliases that expand without end', expanding(), /alias/i],
  ]
  for (const [name, text, message] of faults) {
    it(`${name} is a fault with its place, and no exception`, () => {
      const [document] = readYamlStream(text)
      assert.equal(document?.value, null)
      assert.match(document?.faults[0]?.message ?? '', message)
      assert.ok((document?.faults[0]?.line ?? 0) >= 1)
    })
  }

  it('a text of many keys or aliases is read in the time that its length takes: a viewer may send one', () => {
    const started = performance.now()
    const keys = Array.from({length: 30_000}, (_, index) => `k${index}: 1`).join('\n')
    assert.deepEqual(readYamlStream(keys)[0]?.faults, [])
    assert.deepEqual(readYamlStream(`${keys}\nk7: 2`)[0]?.faults, [
      {line: 30_001, column: 1, message: 'Map keys must be unique'},
    ])
    const aliases = Array.from({length: 5_000}, (_, index) => `- &x${index} 1\n- *x${index}`).join('\n')
    assert.match(readYamlStream(aliases)[0]?.faults[0]?.message ?? '', /5000 aliases; at most 1000/)
    // With each compared with each it was half a minute.
    assert.ok(performance.now() - started < 8000, `${performance.now() - started} ms`)
  }).timeout(60_000)

  it('JSON is YAML, and text of any kind never throws', () => {
    assert.deepEqual(readYamlStream('{"a": ["b", 1.5]}')[0]?.value, {a: ['b', 1.5]})
    for (const text of ['', '\0', '- \t- x', '%YAML 9\n---\n', '\ufeffa: 1', '? [a]\n: b', '<<: {a: 1}'])
      readYamlStream(text)
  })
})

describe('readYaml', () => {
  it('a second document in the text is a fault', () => {
    assert.match(readYaml('a: 1\n---\nb: 2\n').faults[0]?.message ?? '', /documents/)
  })
})

it('printPath writes a path as people do', () => {
  assert.equal(printPath(['spec', 'ingress', 0, 'nets', 12]), 'spec.ingress[0].nets[12]')
  assert.equal(printPath([]), '')
})

/** Each list holds the one before ten times: ten billion items at the end. */
function expanding(): string {
  const lines = ['a0: &a0 [x]']
  for (let i = 1; i <= 10; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    )
  return lines.join('\n')
}
