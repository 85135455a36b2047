//! Images: decoded within limits, rotated upright, scaled down to what a model uses, and re-encoded, which
//! drops everything else in the file (location, camera, an appended document).

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use crate::Refusal;
use crate::kind::image_format;

/// The maximum length of the longer side, in pixels: a model scales larger images down
/// (<https://platform.claude.com/docs/en/build-with-claude/vision>), so more is only slower.
pub const MAX_SIDE: u32 = 1568;

/// The maximum number of pixels decoded: a photograph of a good camera has fewer, a decompression bomb more.
const MAX_PIXELS: u64 = 64_000_000;

/// The maximum memory for decoding, in bytes.
const MAX_DECODE_BYTES: u64 = 512 * 1024 * 1024;

/// Drawings and screenshots up to this size, in bytes, stay PNG, because JPEG blurs letters.
const SHARP_LIMIT: usize = 1024 * 1024;

/// Images with transparency up to this size, in bytes, stay PNG: providers accept 5 MB of base64.
const TRANSPARENT_LIMIT: usize = 3_500_000;

/// JPEG quality, visually indistinguishable from the original.
const QUALITY: u8 = 90;

/// An image as it is sent to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// The encoded bytes.
    pub data: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Reads a PNG, a JPEG, a WebP or the first frame of a GIF.
///
/// # Errors
/// Returns a [`Refusal`] if the format is not supported, or the image is damaged, truncated or too large to decode.
pub fn read_image(bytes: &[u8]) -> Result<Image, Refusal> {
    let format = image_format(bytes).ok_or(Refusal::Unknown)?;
    let upright = decoded(bytes, format)?;
    let small = if upright.width().max(upright.height()) > MAX_SIDE {
        upright.resize(MAX_SIDE, MAX_SIDE, FilterType::CatmullRom)
    } else {
        upright
    };
    encoded(&small, format)
}

fn decoded(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, Refusal> {
    let damaged = |_| Refusal::Damaged;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Refusal::TooManyPixels { width, height });
    }
    // Invalid orientation metadata must not make the image unreadable.
    let orientation = decoder.orientation().ok();
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(image)
}

fn encoded(image: &DynamicImage, from: ImageFormat) -> Result<Image, Refusal> {
    let transparent = is_transparent(image);
    let limit = match from {
        _ if transparent => TRANSPARENT_LIMIT,
        ImageFormat::Png | ImageFormat::Gif => SHARP_LIMIT,
        _ => 0,
    };
    let png = (limit > 0).then(|| png(image, transparent)).transpose()?;
    let (media_type, data) = match png.filter(|data| data.len() <= limit) {
        Some(data) => ("image/png", data),
        None => ("image/jpeg", jpeg(image)?),
    };
    Ok(Image {
        media_type,
        data,
        width: image.width(),
        height: image.height(),
    })
}

fn is_transparent(image: &DynamicImage) -> bool {
    image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

fn png(image: &DynamicImage, transparent: bool) -> Result<Vec<u8>, Refusal> {
    let mut data = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut data, CompressionType::Default, PngFilter::Adaptive);
    let written = if transparent {
        image.to_rgba8().write_with_encoder(encoder)
    } else {
        image.to_rgb8().write_with_encoder(encoder)
    };
    written.map_err(|_| Refusal::Damaged)?;
    Ok(data)
}

fn jpeg(image: &DynamicImage) -> Result<Vec<u8>, Refusal> {
    let mut data = Vec::new();
    on_white(image)
        .write_with_encoder(JpegEncoder::new_with_quality(&mut data, QUALITY))
        .map_err(|_| Refusal::Damaged)?;
    Ok(data)
}

/// Composites the image onto white, because JPEG has no transparency.
fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let pixels = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
        let over = |part: u8| {
            let (part, alpha) = (u32::from(part), u32::from(alpha));
            u8::try_from((part * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Red above, blue below.
    fn two_halves(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |_, y| {
            if y < height / 2 {
                Rgb([255, 0, 0])
            } else {
                Rgb([0, 0, 255])
            }
        })
        .into()
    }

    fn opened(image: &Image) -> RgbImage {
        image::load_from_memory(&image.data).unwrap().to_rgb8()
    }

    fn is_red(pixel: Rgb<u8>) -> bool {
        pixel.0[0] > 200 && pixel.0[2] < 60
    }

    /// Returns the JPEG with an EXIF block that sets the orientation.
    fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let exif = [
            b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(),
            &[orientation, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
    }

    #[test]
    fn every_kind_is_read_and_what_is_large_becomes_smaller() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
        ] {
            let image = read_image(&bytes(&two_halves(2000, 1000), format)).unwrap();
            assert_eq!((image.width, image.height), (1568, 784), "{format:?}");
            let opened = opened(&image);
            assert_eq!(opened.dimensions(), (1568, 784));
            assert!(
                is_red(*opened.get_pixel(9, 9)) && !is_red(*opened.get_pixel(9, 700)),
                "{format:?}"
            );
        }
        let small = read_image(&bytes(&two_halves(60, 20), ImageFormat::Png)).unwrap();
        assert_eq!((small.width, small.height), (60, 20));
    }

    #[test]
    fn a_photo_is_turned_upright_and_says_no_more_where_it_was_taken() {
        let jpeg = bytes(&two_halves(80, 40), ImageFormat::Jpeg);
        let image = read_image(&turned(&jpeg, 6)).unwrap();
        assert_eq!((image.width, image.height), (40, 80));
        let opened = opened(&image);
        assert!(
            is_red(*opened.get_pixel(35, 40)),
            "what was above is at the right"
        );
        assert!(!is_red(*opened.get_pixel(4, 40)));
        assert!(!image.data.windows(4).any(|part| part == b"Exif"));
    }

    #[test]
    fn photos_are_jpeg_screenshots_png_and_transparency_stays() {
        let kind =
            |image: &DynamicImage, format| read_image(&bytes(image, format)).unwrap().media_type;
        let mut seed = 7_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_le_bytes()[3]
        };
        let grainy = RgbImage::from_fn(900, 900, |_, _| Rgb([noise(), noise(), noise()])).into();
        assert_eq!(kind(&two_halves(9, 9), ImageFormat::Jpeg), "image/jpeg");
        assert_eq!(kind(&two_halves(9, 9), ImageFormat::Png), "image/png");
        assert_eq!(
            kind(&grainy, ImageFormat::Png),
            "image/jpeg",
            "a PNG of 2 MB"
        );
        let mut see_through = two_halves(9, 9).to_rgba8();
        see_through.get_pixel_mut(4, 4).0[3] = 0;
        let image = read_image(&bytes(&see_through.into(), ImageFormat::WebP)).unwrap();
        assert_eq!(image.media_type, "image/png");
        let opened = image::load_from_memory(&image.data).unwrap().to_rgba8();
        assert_eq!(opened.get_pixel(4, 4).0[3], 0);
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        let png = bytes(&two_halves(8, 8), ImageFormat::Png);
        // The dimensions are at a fixed offset, followed by a checksum.
        let mut bomb = png.clone();
        bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let checksum = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
        let (width, height) = (60_000, 60_000);
        assert_eq!(
            read_image(&bomb),
            Err(Refusal::TooManyPixels { width, height })
        );
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let whole = bytes(&two_halves(400, 400), format);
            let cut = &whole[..whole.len() / 2];
            assert_eq!(read_image(cut), Err(Refusal::Damaged), "{format:?}");
        }
        let head = &bytes(&two_halves(400, 400), ImageFormat::Jpeg)[..40];
        assert_eq!(read_image(head), Err(Refusal::Damaged));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
            })
        })
    }
}
