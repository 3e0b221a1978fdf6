/** One alert over samples of every quarter of a minute, in promtool's notation: `1x3 0x8` is four times 1, then nine times 0. */
export interface AlertCase {
  readonly alert: string
  /** `warning` where nothing is said. */
  readonly severity?: 'critical' | 'warning' | 'info'
  /** What the alert bears beside `site` and `gateway`; `instance` where it is of one target as a whole. */
  readonly labels?: Readonly<Record<string, string>>
  readonly series: Readonly<Record<string, string>>
  readonly fires: string
  /** When the same series must not have it. */
  readonly quiet?: readonly string[]
  /** Series that never have it, though they are near. */
  readonly never?: Readonly<Record<string, string>>
  /** Between two samples, where a quarter of a minute would be too many. */
  readonly interval?: string
  /** Of a site as a whole. */
  readonly ofSite?: true
}
