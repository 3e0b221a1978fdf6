import assert from 'node:assert/strict'
import {formatFinding} from '../../src/model/index.ts'

describe('formatFinding', () => {
  it('is one line, and what others wrote cannot reach the terminal', () => {
    const text = formatFinding({
      code: 'record-invalid',
      severity: 'error',
      where: {source: 'export b', key: '/isthmus/v1/export/attributes/\u001b[2J', field: 'labels'},
      detail: 'a\nb\u009b',
      remedy: 'mend it',
    })
    assert.equal(
      text,
      'error record-invalid export b /isthmus/v1/export/attributes/\\x1b[2J labels: a\\x0ab\\x9b; mend it',
    )
  })
})
