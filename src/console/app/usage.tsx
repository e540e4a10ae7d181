/** CPU and memory of the last day, by process. Loaded with the chart library when it is first needed. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import { queries } from '../live/queries.ts'
import { Empty, Loaded, megabytes } from '../parts/parts.tsx'
import { useMedia } from '../parts/window.ts'
import { useChoice } from '../shell/choices.ts'

interface Sample {
  process: string
  at: string
  cpuPercent: number
  memoryBytes: number
}

export default function Usage({ app, environment }: { app: string; environment: string }) {
  const query = useQuery(queries.samples({ app, environment }))
  return (
    <Loaded query={query}>
      {(samples) =>
        samples.length < 2 ? (
          <Empty title="No measurement yet">
            <span>The first come within a minute of the first process.</span>
          </Empty>
        ) : (
          <>
            <Chart title="CPU, %" samples={samples} value={(one) => one.cpuPercent} say={percent} />
            <Chart title="Memory" samples={samples} value={(one) => one.memoryBytes} say={megabytes} />
          </>
        )
      }
    </Loaded>
  )
}

const percent = (value: number) => `${Number(value.toPrecision(2))} %`

const COLOURS = ['--mark', '--busy', '--warn', '--bad', '--soft']
const HEIGHT = 140
/** Pixels from one time to the next: more than the longest takes. */
const LABEL_SPACE = 90
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const CLOCK_OF_SECONDS = new Intl.DateTimeFormat(undefined, {
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
})

/** `step`: seconds from one to the next. */
const timesOfTicks: UPlot.Axis.DynamicValues = (_, ticks, __, ___, step) =>
  ticks.map((tick) => (step < 60 ? CLOCK_OF_SECONDS : CLOCK).format(tick * 1000))

interface ChartProps {
  title: string
  samples: readonly Sample[]
  value: (sample: Sample) => number
  say: (value: number) => string
}

function Chart({ title, samples, value, say }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const names = [...new Set(samples.map(({ process }) => process))].sort()
  const most = Math.max(...samples.map(value))
  // It is drawn with colours as they are now.
  const theme = useChoice('theme')
  const isDark = useMedia('(prefers-color-scheme: dark)')
  useEffect(() => {
    const element = box.current
    if (!element) return
    const probe = document.createElement('i')
    // What is asked for is the colour itself, not where it is on its way from another.
    probe.style.transition = 'none'
    element.append(probe)
    const resolved = (name: string) => {
      probe.style.color = `var(${name})`
      return getComputedStyle(probe).color
    }
    const axis = {
      stroke: resolved('--soft'),
      grid: { stroke: resolved('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    }
    const chart = new UPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false },
        scales: { y: { range: (_, __, max) => [0, (max || 1) * 1.1] } },
        axes: [
          { ...axis, space: LABEL_SPACE, values: timesOfTicks },
          { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => say(tick)) },
        ],
        series: [
          {},
          ...names.map((label, index) => ({
            label,
            stroke: resolved(COLOURS[index % COLOURS.length]!),
            width: 1.6,
            spanGaps: true,
            points: { show: false },
          })),
        ],
      },
      table(samples, names, value),
      element,
    )
    probe.remove()
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      chart.destroy()
    }
  }, [samples, theme, isDark])
  return (
    <figure>
      <figcaption>
        <strong>{title}</strong>
        <span className="soft number">
          {names.join(', ')} · at most {say(most)}
        </span>
      </figcaption>
      <div
        ref={box}
        className="chart"
        role="img"
        aria-label={`${title} of ${names.join(', ')}: at most ${say(most)}`}
      />
    </figure>
  )
}

function table(
  samples: readonly Sample[],
  names: readonly string[],
  value: ChartProps['value'],
): UPlot.AlignedData {
  const times = [...new Set(samples.map(({ at }) => Date.parse(at) / 1000))].sort((one, other) => one - other)
  const place = new Map(times.map((time, index) => [time, index]))
  const lines = names.map(() => new Array<number | null>(times.length).fill(null))
  for (const sample of samples)
    lines[names.indexOf(sample.process)]![place.get(Date.parse(sample.at) / 1000)!] = value(sample)
  return [times, ...lines]
}
