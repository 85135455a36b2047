//! What a window shows, captured from the window system. `WebDriver` takes screenshots, too, but may never return one
//! of an idle page (`WebKitGTK` 2.50.6, painting without layers).

use crate::Error;

/// The pixels of a window.
#[derive(Debug, Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    /// Four bytes per pixel: blue, green, red, and an unused one.
    dots: Vec<u8>,
}

impl Picture {
    /// Creates a picture of this size in pixels; each is blue, green, red, and an unused byte.
    pub fn new(width: u32, height: u32, dots: Vec<u8>) -> Self {
        Self {
            width,
            height,
            dots,
        }
    }

    /// The width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns red, green and blue of each pixel, row by row.
    pub fn colours(&self) -> impl Iterator<Item = [u8; 3]> {
        let dots = self.dots.chunks_exact(4);
        dots.map(|dot| [dot[2], dot[1], dot[0]])
    }

    /// Returns the number of pixels that differ in `other`; all when its size differs.
    pub fn difference(&self, other: &Self) -> usize {
        let dots = |picture: &Self| picture.dots.len() / 4;
        if (self.width, self.height) != (other.width, other.height) {
            return dots(self).max(dots(other));
        }
        let pairs = self.colours().zip(other.colours());
        pairs.filter(|(one, other)| one != other).count()
    }

    /// Encodes the picture as a PNG.
    ///
    /// # Errors
    /// When the picture is empty.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.colours().collect::<Vec<_>>().concat())?;
        drop(writer);
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(first: [u8; 4], second: [u8; 4]) -> Picture {
        Picture::new(2, 1, [first, second].concat())
    }

    #[test]
    fn a_difference_is_one_of_colour_or_of_size() {
        let picture = two([1, 2, 3, 0], [4, 5, 6, 0]);
        assert_eq!(picture.difference(&two([1, 2, 3, 255], [4, 5, 6, 0])), 0);
        assert_eq!(picture.difference(&two([1, 2, 3, 0], [4, 5, 7, 0])), 1);
        let upright = Picture::new(1, 2, picture.dots.clone());
        assert_eq!(picture.difference(&upright), 2);
    }

    #[test]
    fn a_png_has_red_first() {
        let picture = two([1, 2, 3, 0], [4, 5, 6, 0]);
        let decoder = png::Decoder::new(std::io::Cursor::new(picture.png().unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut read).unwrap();
        assert_eq!(read, [3, 2, 1, 6, 5, 4]);
    }
}
