/** Images of a page as tensors. */
import { DataError, OptionError, UnsupportedError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { type Tensor, tensor } from '../trace/tensor.js';

/** Pixels as ImageData has them: four bytes each, row by row. */
export interface PixelData {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer> | Uint8Array<ArrayBuffer>;
}
interface Context {
  drawImage(image: unknown, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): PixelData;
}
/** Whatever a canvas draws: a canvas, an ImageBitmap, an image, a frame of a video. */
export interface Drawable {
  readonly width: number;
  readonly height: number;
}
/** What is kept of each pixel. */
export interface PixelOptions {
  /** 4: red, green, blue, alpha; 3: without alpha; 1: how bright it is. 4 unless given. */
  readonly channels?: 1 | 3 | 4;
}
const CHANNELS = [1, 3, 4];

function pixelsOf(image: PixelData | Drawable): PixelData {
  const { naturalWidth, videoWidth } = image as { naturalWidth?: number; videoWidth?: number };
  const { naturalHeight, videoHeight } = image as { naturalHeight?: number; videoHeight?: number };
  const width = naturalWidth ?? videoWidth ?? image.width;
  const height = naturalHeight ?? videoHeight ?? image.height;
  const { OffscreenCanvas: Canvas } = globalThis as {
    OffscreenCanvas?: new (
      width: number,
      height: number,
    ) => { getContext(kind: '2d', options: { willReadFrequently: boolean }): Context | null };
  };
  if (Canvas === undefined)
    throw new UnsupportedError(
      'NO_CANVAS',
      'fromPixels cannot draw here: there is no OffscreenCanvas',
      'Pass { data, width, height } with four bytes a pixel, as an image decoder gives them.',
    );
  if (width === 0 || height === 0)
    throw new DataError(
      'EMPTY_DATA',
      `fromPixels got an image of ${width} × ${height} pixels`,
      'Wait until it is loaded: await image.decode().',
    );
  const context = new Canvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null)
    throw new UnsupportedError('NO_CANVAS', 'fromPixels got no context of a canvas', 'Pass ImageData.');
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/**
 * The pixels of ImageData, a canvas, an ImageBitmap, an image or a video's frame: i32[height, width, channels], 0 … 255, not
 * multiplied by alpha. One channel is the brightness of Rec. 601, (299 r + 587 g + 114 b) / 1000, rounded.
 * In a page, in a Worker, and for plain `{ data, width, height }` anywhere.
 * @example
 * // As context.getImageData(0, 0, 28, 28) gives it.
 * const image = { data: new Uint8ClampedArray(28 * 28 * 4), width: 28, height: 28 };
 * fromPixels(image, { channels: 1 }).shape; // [28, 28, 1]
 * @throws OptionError `OPTION_RANGE`, `NOT_AN_IMAGE`; DataError `EMPTY_DATA`; UnsupportedError `NO_CANVAS` where nothing draws.
 */
export function fromPixels(image: PixelData | Drawable, options: PixelOptions = {}): Tensor {
  checkOptions('fromPixels', options, ['channels']);
  const { channels = 4 } = options;
  if (!CHANNELS.includes(channels))
    throw new OptionError('OPTION_RANGE', `fromPixels got channels = ${describeValue(channels)}`, 'Pass 1, 3 or 4.');
  const { width: w, height: h } = (image ?? {}) as Partial<Drawable>;
  if (typeof w !== 'number' || typeof h !== 'number')
    throw new OptionError(
      'NOT_AN_IMAGE',
      `fromPixels got ${describeValue(image)}`,
      'Pass ImageData, a canvas, an ImageBitmap, an image or a video.',
    );
  const { data, width, height } = 'data' in image && ArrayBuffer.isView(image.data) ? image : pixelsOf(image);
  const isBytes = data instanceof Uint8ClampedArray || data instanceof Uint8Array;
  if (!isBytes || data.length !== 4 * width * height)
    throw new DataError(
      'PIXEL_DATA',
      `fromPixels got ${isBytes ? `${data.length} bytes` : describeValue(data)} for ${width} × ${height} pixels`,
      'Four bytes a pixel: red, green, blue, alpha.',
    );
  const shape = [height, width, channels];
  if (channels === 4) return tensor(data, { shape });
  const out = new Uint8Array(width * height * channels);
  for (let i = 0, at = 0; i < data.length; i += 4)
    if (channels === 3) for (let c = 0; c < 3; c++) out[at++] = data[i + c]!;
    else out[at++] = Math.round((299 * data[i]! + 587 * data[i + 1]! + 114 * data[i + 2]!) / 1000);
  return tensor(out, { shape });
}
