import * as z from 'zod'
import {finding} from './row-schemas.ts'

/** Shapes of what the console asks for; proven equal to `console-view.ts` in `answer-schemas.ts`. */
const text = z.string()
const number = z.number()
const column = z.array(number.nullable())
const flow = z.record(text, z.unknown())
const texts = z.record(text, text)

export const TunnelSeries = z.strictObject({
  name: text.nullable(),
  stepSeconds: number,
  at: z.array(number),
  rttMs: column,
  jitterMs: column,
  lossRatio: column,
  rxBytesPerSecond: column,
  txBytesPerSecond: column,
  up: column,
})

export const PolicyMatrix = z.strictObject({
  by: text,
  labels: z.array(text),
  groups: z.array(z.strictObject({name: text, addresses: number, classes: number})),
  leftOut: number,
  cells: z.array(text),
})

const pairEnd = z.strictObject({
  address: text,
  site: text.nullable(),
  names: z.array(text),
  labels: texts,
  policies: z.array(z.strictObject({tier: text, name: text, selector: text})),
})

export const PolicyPair = z.strictObject({
  by: text,
  from: text,
  to: text,
  ways: z.array(
    z.strictObject({
      verdict: z.enum(['allow', 'deny', 'mixed']),
      allowed: text,
      classPairs: number,
      from: pairEnd,
      to: pairEnd,
      flows: z.array(flow),
    }),
  ),
  leftOut: number,
})

export const PolicyText = z.strictObject({name: text, text})

export const PolicyDiff = z.strictObject({
  rows: z.array(
    z.strictObject({
      change: z.enum(['opens', 'closes']),
      traffic: text,
      from: z.array(text),
      to: z.array(text),
      example: flow,
    }),
  ),
  findings: z.array(finding),
})

export const AlertsAnswer = z.strictObject({
  prometheus: z.enum(['none', 'answered', 'failed']),
  problem: text.nullable(),
  firing: z.array(
    z.strictObject({
      name: text,
      state: z.enum(['firing', 'pending']),
      severity: text,
      summary: text,
      labels: texts,
      since: text.nullable(),
    }),
  ),
})
