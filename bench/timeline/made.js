async ({ hours, spans, points, cuts }) => {
  await import('/ui/elements/timeline.js');
  const { seriesOf } = await import('/ui/lib/series.js');
  // The same numbers every time (Park and Miller's generator).
  let state = 42;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const duration = hours * 3600;
  const step = duration / points;
  const score = new Float32Array(points).map(() => random() ** 4 * 19);
  const segments = Array.from({ length: spans }, (_, index) => {
    const start = (index + random() * 0.5) * (duration / spans);
    const end = start + 1 + random() * (duration / spans / 3);
    const best = 20 + random() * 79;
    for (let at = Math.floor(start / step); at * step < end; at += 1) score[at] = best * (0.85 + 0.15 * random());
    const confidence = best >= 84 ? 'high' : best >= 50 ? 'medium' : 'low';
    return {
      media_id: 'made', media: 'made.mp4', media_type: 'video', start_seconds: start, end_seconds: end, score: best,
      confidence, best_seconds: (start + end) / 2, box_xyxy: null, evidence: 'frame', label: null, path: [],
      refined: false,
    };
  });
  const starts = Float64Array.from({ length: points }, (_, index) => index * step);
  const timeline = document.createElement('ms-timeline');
  document.body.replaceChildren(timeline);
  timeline.data = {
    duration, segments, curve: seriesOf(starts, starts.map((start) => start + step), score),
    scale: { thresholds: { low: 19.45, medium: 50, high: 84 }, asked: 19.45 },
    cuts: Float64Array.from({ length: cuts }, (_, index) => ((index + random()) * duration) / cuts), storyboard: [],
  };
  timeline.line = 19.45;
  timeline.addEventListener('request-threshold', (event) => { timeline.line = event.detail.score; });
  timeline.addEventListener('request-seek', (event) => { timeline.seconds = event.detail.seconds; });
  window.timeline = timeline;
}
