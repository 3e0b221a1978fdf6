import assert from 'node:assert/strict'
import {bitRate, bytes, count, milliseconds, percent, secondsSince, span} from '../../src/console/figures.ts'
import {parseMarkdown} from '../../src/console/markdown.ts'
import {hrefOf, parseRoute} from '../../src/console/route.ts'
import {tiesOf} from '../../src/console/topology/ties.ts'
import {moved, WHOLE, zoomed} from '../../src/console/topology/view-box.ts'
import {statusOfMany} from '../support/console-view.ts'

const plain = (text: string): string => text.replaceAll('\u202f', ' ')

describe('figures of the console', () => {
  const cases: [string, string][] = [
    [count(1234567), '1 234 567'],
    [count(null), '–'],
    [bytes(999), '999 B'],
    [bytes(1_500_000), '1.5 MB'],
    [bytes(2e20), '200000 PB'],
    [bitRate(125_000), '1 Mbit/s'],
    [bitRate(0), '0 bit/s'],
    [milliseconds(0.456), '0.46 ms'],
    [milliseconds(12.34), '12.3 ms'],
    [milliseconds(250.4), '250 ms'],
    [percent(0), '0 %'],
    [percent(0.0004), '<0.1 %'],
    [percent(1), '100 %'],
    [span(0.2), '<1 s'],
    [span(59), '59 s'],
    [span(3600), '1 h'],
    [span(11_520), '3 h 12 min'],
    [span(90_061), '1 d 1 h'],
    [span(null), '–'],
  ]
  for (const [is, wanted] of cases) it(wanted, () => assert.equal(plain(is), wanted))

  it('a moment that is none is not known', () => {
    assert.deepEqual(
      [secondsSince('x', 0), secondsSince(null, 0), secondsSince('1970-01-01T00:00:01Z', 5000)],
      [null, null, 4],
    )
  })
})

describe('routes of the console', () => {
  for (const [page, name] of [
    ['tunnels', 'wan b/b1/wan 0'],
    ['sites', '<script>'],
    ['policy', null],
    ['runbooks', '100 %'],
  ] as const) {
    it(`${page} ${name} comes back as it was`, () => {
      const {page: isPage, name: isName, query} = parseRoute(hrefOf(page, name, {by: 'a b'}))
      assert.deepEqual([isPage, isName, query.get('by')], [page, name, 'a b'])
    })
  }
  for (const hash of ['', '#', '#/', '#/nowhere/x', '#/%E0%A4%A']) {
    it(`${hash || 'nothing'} is the overview`, () => assert.equal(parseRoute(hash).page, 'overview'))
  }
  it('a name that is not well encoded is taken as it is', () => assert.equal(parseRoute('#/sites/%E0').name, '%E0'))
})

describe('Markdown of runbooks', () => {
  const cases: {name: string; text: string; blocks: object[]}[] = [
    {
      name: 'heading and paragraph over two lines',
      text: '# A `b`\n\none\ntwo',
      blocks: [
        {kind: 'heading', level: 1, spans: [text('A '), {kind: 'code', text: 'b'}]},
        {kind: 'paragraph', spans: [text('one two')]},
      ],
    },
    {
      name: 'list whose item goes on',
      text: '- a\n  b\n- c',
      blocks: [{kind: 'list', ordered: false, items: [[text('a b')], [text('c')]]}],
    },
    {name: 'code by four spaces', text: '    a\n\n    b\n\n', blocks: [{kind: 'code', text: 'a\n\nb'}]},
    {name: 'code between fences', text: '```sh\n# a\n```', blocks: [{kind: 'code', text: '# a'}]},
    {
      name: 'links to runbooks only; another address is text',
      text: '[B](IsthmusB.md) [x](javascript:alert(1)) [y](https://example.org)',
      blocks: [
        {
          kind: 'paragraph',
          spans: [{kind: 'link', text: 'B', page: 'IsthmusB'}, text(' '), text('x'), text(') '), text('y')],
        },
      ],
    },
    {
      name: 'HTML is text',
      text: '<img src=x onerror=alert(1)>',
      blocks: [{kind: 'paragraph', spans: [text('<img src=x onerror=alert(1)>')]}],
    },
    {
      name: 'table',
      text: '| a | b |\n| - | - |\n| c | d |',
      blocks: [
        {
          kind: 'table',
          rows: [
            [[text('a')], [text('b')]],
            [[text('c')], [text('d')]],
          ],
        },
      ],
    },
  ]
  for (const {name, text: source, blocks} of cases) it(name, () => assert.deepEqual(parseMarkdown(source), blocks))
})

function text(of: string) {
  return {kind: 'text', text: of}
}

describe('ties of the topology', () => {
  const {sites, tunnels} = statusOfMany(30)
  const ties = tiesOf(sites, tunnels)
  const wordOf = (index: number): string => ties.find(({site}) => site === sites[index + 1])!.word

  it('has every other site once', () => assert.equal(ties.length, 30))
  it('all up', () => assert.equal(wordOf(0), 'all tunnels up'))
  it('one tunnel down', () => assert.equal(wordOf(3), '1 of 2 tunnels down'))
  it('a site that is lost', () => assert.equal(wordOf(7), 'lost, closed'))
  it('a site that is silent', () => assert.equal(wordOf(4), 'suspect'))
  it('a site that others lead to', () => assert.equal(tiesOf(sites, [])[0]?.word, 'reached by others'))
})

describe('view of the topology', () => {
  it('keeps the point that it zooms at, and comes back to the whole', () => {
    const near = zoomed(WHOLE, 2, 100, 50)
    assert.deepEqual([near.x + (100 - near.x), near.scale], [100, 2])
    assert.deepEqual((100 - near.x) / near.scale, 100)
    assert.deepEqual(zoomed(near, 0.1), WHOLE)
  })
  it('never loses the picture', () => {
    const far = moved({scale: 3, x: 0, y: 0}, 10_000, -10_000, 100, 50)
    assert.deepEqual([far.x, far.y], [200, -100])
    assert.deepEqual(moved(WHOLE, 50, 50, 100, 50), {scale: 1, x: 0, y: 0})
  })
})
