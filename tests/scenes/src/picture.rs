//! Pictures as small files: at most 256 colours, which suffice for a page of text and flat areas.

use std::collections::HashMap;

use conch_window::Picture;

use crate::Error;

type Colour = [u8; 3];

/// The size of a PNG palette.
const COLOURS: usize = 256;

/// The squared distance up to which two colours are merged: an invisible difference of two steps per
/// channel. The page's most similar colours are 48 apart.
const ALIKE: u32 = 12;

/// Returns a picture as a PNG with a palette.
///
/// # Errors
/// When the picture is empty.
pub fn compress(picture: &Picture) -> Result<Vec<u8>, Error> {
    let dots: Vec<Colour> = picture.colours().collect();
    let (palette, indices) = indexed(&dots);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_palette(palette.concat());
    encoder.write_header()?.write_image_data(&indices)?;
    Ok(file)
}

/// Returns a palette and each pixel's index into it. The most frequent colours are exact.
fn indexed(dots: &[Colour]) -> (Vec<Colour>, Vec<u8>) {
    let mut counts: HashMap<Colour, u32> = HashMap::new();
    for dot in dots {
        *counts.entry(*dot).or_default() += 1;
    }
    let mut colours: Vec<_> = counts.into_iter().collect();
    // Then by the colour itself: the same picture always gives the same file.
    colours.sort_unstable_by_key(|&(colour, count)| (std::cmp::Reverse(count), colour));
    let mut palette: Vec<Colour> = Vec::new();
    let mut places = HashMap::new();
    for (colour, _) in colours {
        let nearest = (0..palette.len()).min_by_key(|&place| distance(palette[place], colour));
        let place = match nearest {
            Some(place)
                if palette.len() == COLOURS || distance(palette[place], colour) <= ALIKE =>
            {
                place
            }
            _ => {
                palette.push(colour);
                palette.len() - 1
            }
        };
        places.insert(colour, u8::try_from(place).unwrap_or(u8::MAX));
    }
    let indices = dots.iter().map(|dot| places[dot]).collect();
    (palette, indices)
}

/// Returns the squared distance of two colours.
fn distance(one: Colour, other: Colour) -> u32 {
    let parts = one.iter().zip(other);
    parts.map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Colour = [253, 253, 252];
    const SIDE: Colour = [249, 249, 248];
    const TEXT: Colour = [33, 32, 28];

    #[test]
    fn a_picture_of_few_colours_stays_as_it_is() {
        let dots = [PAGE, SIDE, PAGE, TEXT].repeat(16);
        let dots_of_x11: Vec<u8> = dots.iter().flat_map(|&[r, g, b]| [b, g, r, 0]).collect();
        let small = compress(&Picture::new(8, 8, dots_of_x11)).unwrap();

        let mut decoder = png::Decoder::new(std::io::Cursor::new(small));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut read).unwrap();
        assert_eq!(read, dots.concat());
    }

    #[test]
    fn where_there_are_too_many_the_rarest_go_to_their_neighbours() {
        let mut dots: Vec<Colour> = (0..=255).map(|green| [0, green, 0]).collect();
        dots.extend((0..=255).map(|red| [red, 255, 255]));
        dots.extend([PAGE; 9]);
        let (palette, indices) = indexed(&dots);
        assert!(palette.len() <= COLOURS);
        assert_eq!(palette[0], PAGE, "what covers most is exact");
        for (dot, index) in dots.iter().zip(indices) {
            assert!(distance(*dot, palette[usize::from(index)]) <= ALIKE);
        }
    }
}
