/** Lines over time, by uPlot. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

type Line = {
  readonly label: string;
  readonly color: string;
  readonly values: readonly (number | null)[];
  readonly fill?: true;
};

type ChartProps = {
  readonly title: string;
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly theme: string;
};

const HEIGHT = 168;

/** Drawn anew when lines or theme change; new values alone are only set. */
export function Chart({ title, at, lines, format, theme }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = [at, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData;

  useEffect(() => {
    const element = place.current!; // rendered below
    const color = (name: string): string => {
      element.style.color = `var(${name})`;
      return getComputedStyle(element).color;
    };
    const faint = color("--line");
    const muted = color("--muted");
    const axis: uPlot.Axis = {
      stroke: muted,
      grid: { stroke: faint, width: 1 },
      ticks: { show: false },
      font: '11px "Inter", system-ui, sans-serif',
    };
    plot.current = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { live: false, show: false },
        cursor: { y: false, points: { size: 6 }, drag: { x: false } },
        scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
        axes: [
          { ...axis, grid: { show: false }, size: 26, space: 70, values: (_plot, marks) => marks.map(clock(marks)) },
          { ...axis, size: 54, space: 36, values: (_plot, marks) => marks.map(format) },
        ],
        series: [
          {},
          ...lines.map(({ label, color: name, fill }): uPlot.Series => {
            const stroke = color(name);
            return {
              label,
              stroke,
              width: 1.75,
              // A line shows where it has two ends; what stands alone would be invisible.
              points: { show: false, size: 5, filter: alone },
              ...(fill && { fill: stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)") }),
            };
          }),
        ],
      },
      data,
      element,
    );
    const watching = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    watching.observe(element);
    return () => {
      watching.disconnect();
      plot.current?.destroy();
    };
  }, [theme, lines.map(({ label }) => label).join()]);
  useEffect(() => plot.current?.setData(data));

  return (
    <figure class="chart">
      <figcaption>
        {title}
        <span class="legend">
          {lines.map(({ label, color, values }) => {
            const last = values.findLast((value) => value !== null);
            return (
              <span key={label} class={`key ${color.slice(2)}`}>
                {label} <b>{last === undefined || last === null ? "–" : format(last)}</b>
              </span>
            );
          })}
        </span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title} over time`} />
    </figure>
  );
}

/** Which of the values in view have no neighbour, by index; null for none. */
function alone(plot: uPlot, line: number): number[] | null {
  const values = plot.data[line] ?? [];
  const found = [...values.keys()].filter(
    (index) => isThere(values[index]) && !isThere(values[index - 1]) && !isThere(values[index + 1]),
  );
  return found.length > 0 ? found : null;
}
const isThere = (value: unknown): boolean => typeof value === "number";

/** Days where there are several; otherwise hours, with seconds where marks are closer than a minute. */
function clock(marks: readonly number[]): (at: number) => string {
  const apart = marks.length > 1 ? marks[1]! - marks[0]! : 60; // both there
  const options: Intl.DateTimeFormatOptions =
    apart >= 43_200
      ? { month: "short", day: "numeric" }
      : { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(apart < 60 && { second: "2-digit" }) };
  return (at) => new Date(at * 1000).toLocaleString(undefined, options);
}
