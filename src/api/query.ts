import * as z from 'zod'

/** Of a request that takes none; one that is not known is refused, since it would have meant something. */
export const NO_QUERY = z.strictObject({})

/** A number in a query is text; more than nine digits are no number of anything here. */
export const wholeNumber = (least: number, most: number, unit = '') =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be ${least} to ${most}${unit}`)
    .meta({type: 'integer', minimum: least, maximum: most, pattern: undefined})
