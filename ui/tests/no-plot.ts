/** In the place of uPlot, which draws on a canvas that jsdom does not have. */
export default class NoPlot {
  /** The data of the plots that were made, newest last. */
  static readonly made: NoPlot[] = [];
  cursor = { idx: null };
  constructor(
    readonly options: unknown,
    public data: unknown,
  ) {
    NoPlot.made.push(this);
  }
  setData(data: unknown): void {
    this.data = data;
  }
  setSize(): void {}
  setSeries(): void {}
  setSelect(): void {}
  setCursor(): void {}
  redraw(): void {}
  destroy(): void {}
  valToPos(): number {
    return 0;
  }
}
