import {useEffect, useRef} from 'preact/hooks'
import uPlot from 'uplot'

export interface Line {
  readonly label: string
  /** Name of a colour of the theme, without its dashes. */
  readonly colour: string
  readonly values: readonly (number | null)[]
  readonly dashed?: boolean
}

export interface PlotProps {
  readonly title: string
  readonly at: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number | null) => string
  readonly height?: number
}

const ROOM_FOR_VALUES = 68
/** On a wall all letters are larger (`styles/page.css`), and what is painted goes with them. */
const USUAL_LETTER_PX = 15
const larger = (): number =>
  Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL_LETTER_PX || 1

/** Lines over time. What is painted cannot be read aloud, so the last values and the range stand beside it as text. */
export function Plot({title, at, lines, format, height = 170}: PlotProps) {
  const room = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const shape = lines.map(({label, colour, dashed}) => `${label} ${colour} ${dashed}`).join('|')
  const data = [at, ...lines.map(({values}) => values)] as uPlot.AlignedData
  const latest = useRef(data)
  latest.current = data

  // Made anew only for other lines; values are put into it below
  useEffect(() => {
    const element = room.current
    if (!element) return
    const make = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(
        optionsOf(element.clientWidth, height * larger(), lines, format, coloursAt(element)),
        latest.current,
        element,
      )
    }
    make()
    const watching = new ResizeObserver(() =>
      plot.current?.setSize({width: element.clientWidth, height: height * larger()}),
    )
    watching.observe(element)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', make)
    window.addEventListener('theme', make)
    return () => {
      watching.disconnect()
      dark.removeEventListener('change', make)
      window.removeEventListener('theme', make)
      plot.current?.destroy()
      plot.current = null
    }
  }, [shape, height])
  // The columns are what changes
  useEffect(() => plot.current?.setData(data), [at, ...lines.map(({values}) => values)])

  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-title">{title}</span>
        <ul class="plot-lines">
          {lines.map(({label, colour, values, dashed}) => (
            <li key={label}>
              <span class={`swatch swatch-${colour}${dashed ? ' dashed' : ''}`} aria-hidden="true" />
              {label} <strong>{format(lastOf(values))}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={room} class="plot-room" role="img" aria-label={spoken(title, lines, format)} />
    </figure>
  )
}

const lastOf = (values: readonly (number | null)[]): number | null => values.findLast((value) => value !== null) ?? null

function spoken(title: string, lines: readonly Line[], format: PlotProps['format']): string {
  const parts = lines.map(({label, values}) => {
    const known = values.filter((value) => value !== null)
    if (known.length === 0) return `${label}: nothing measured`
    return `${label}: now ${format(lastOf(values))}, least ${format(Math.min(...known))}, most ${format(Math.max(...known))}`
  })
  return `${title}. ${parts.join('. ')}`
}

/** What the theme's colours are there: what is painted knows neither variables nor schemes. */
function coloursAt(place: HTMLElement): (name: string) => string {
  const probe = place.ownerDocument.createElement('i')
  probe.hidden = true
  return (name) => {
    place.append(probe)
    probe.style.color = `var(--${name})`
    const {color} = getComputedStyle(probe)
    probe.remove()
    return color
  }
}

/** A wash of it. */
const washed = (colour: string): string => colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.13)')

function optionsOf(
  width: number,
  height: number,
  lines: readonly Line[],
  format: PlotProps['format'],
  colour: (name: string) => string,
): uPlot.Options {
  const font = `${Math.round(11 * larger())}px ${getComputedStyle(document.documentElement).getPropertyValue('--sans')}`
  const axis: uPlot.Axis = {
    stroke: colour('ink-2'),
    font,
    grid: {stroke: colour('line'), width: 1},
    ticks: {show: false},
  }
  return {
    width,
    height,
    legend: {show: false},
    cursor: {y: false, points: {size: 7}},
    scales: {y: {range: (_, __, most) => [0, most > 0 ? most * 1.15 : 1]}},
    axes: [
      {...axis, values: '{HH}:{mm}', space: 60 * larger(), size: 26 * larger()},
      {
        ...axis,
        size: ROOM_FOR_VALUES * larger(),
        values: (_, splits) => splits.map((split) => format(split)),
        space: 40,
      },
    ],
    series: [
      {},
      ...lines.map(({label, colour: name, dashed}, index) => ({
        label,
        stroke: colour(name),
        width: 2,
        ...(dashed ? {dash: [6, 4]} : {}),
        ...(index === 0 ? {fill: washed(colour(name))} : {}),
        points: {show: false},
        spanGaps: false,
      })),
    ],
  }
}
