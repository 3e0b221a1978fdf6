import assert from 'node:assert/strict'
import {placeSites} from '../../src/console/topology/place-sites.ts'

const names = (many: number): string[] => Array.from({length: many}, (_, index) => `site-${index}`)

describe('placeSites', () => {
  for (const many of [0, 1, 2, 7, 18, 19, 40, 200, 1000]) {
    for (const aspect of [0.5, 1, 1.6, 3]) {
      it(`${many} sites at ${aspect}: each once, apart from each other and from the middle, inside the picture`, () => {
        const {places, halfWidth, halfHeight} = placeSites(names(many), aspect)
        assert.deepEqual(
          places.map(({name}) => name),
          names(many),
        )
        for (const {x, y} of places) {
          assert.ok(Math.hypot(x, y) > 70, 'beside the own site')
          assert.ok(Math.abs(x) < halfWidth && Math.abs(y) < halfHeight)
        }
        // A mark and a name of it need so much room.
        for (const [index, one] of places.entries()) {
          for (const other of places.slice(index + 1)) {
            const [dx, dy] = [Math.abs(one.x - other.x), Math.abs(one.y - other.y)]
            assert.ok(dx > 30 || dy > 30, `${one.name} and ${other.name} are ${dx}, ${dy} apart`)
          }
        }
      })
    }
  }

  it('leaves a site where it is whatever the others do', () => {
    assert.deepEqual(placeSites(names(50), 1.6), placeSites(names(50), 1.6))
  })
})
