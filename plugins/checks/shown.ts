/** What the other side said, made fit for a detail: one line of printable ASCII, cut where it gets long. */
export function shown(text: string, maximum = 80): string {
  const line = text.replace(/[^ -~]/g, "?");
  return line.length > maximum ? `${line.slice(0, maximum - 3)}...` : line;
}
