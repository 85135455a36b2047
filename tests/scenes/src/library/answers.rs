//! What the stand-in says.

pub(super) const MARKDOWN: &str = r"## Making the horn

A conch is a **large sea snail**; its shell has been a *trumpet* for thousands of years.[^1] You need a shell, a saw and some patience. See [how divers find them](https://shells.example/finding) or ask for `saw --fine`.

1. Cut the tip off, about as wide as your thumb.
2. Smooth the edge:
   - first with a file
   - then with wet sandpaper
3. Blow until it ~~whistles~~ *speaks*.

### What it sounds like

| Shell | Length | Tone | Carries |
|---|---:|:---:|---|
| Queen conch | 24 cm | F♯ | across a bay |
| Triton | 32 cm | D | from boat to boat |
| Horse conch | 41 cm | A | as far as the next village, on a calm day |

It is nearly a cone, so its lowest tone is that of an open pipe, $f = \frac{v}{2L}$:

$$\int_0^L \sin^2\left(\frac{\pi x}{L}\right) dx = \frac{L}{2}$$

```rust
/// The lowest tone of a horn, in hertz.
fn lowest_tone(length_m: f64) -> f64 {
    const SOUND: f64 = 343.0; // m/s, in air of 20 °C
    SOUND / (2.0 * length_m)
}
```

> Whoever holds the conch may speak, and nobody interrupts.

- [x] Find a shell that is empty
- [ ] Tell the neighbours

![A triton shell](https://pictures.example/triton.png)

[^1]: The oldest that is known was played 18,000 years ago, in a cave near Marsoulas.
";

pub(super) const REASONING: &str = "The user asks for two tides and not one. A common answer is that the moon pulls the water, which explains only one bulge.\n\nI should explain the second: the earth itself falls towards the moon, and the water on the far side falls less. So it is the difference of the pull that counts, and a difference has two sides.";

pub(super) const TIDES: &str = "Because what raises a tide is not the moon’s pull but how it **differs** from place to place.\n\nOn the near side the water is pulled more than the earth’s middle, so it runs ahead. On the far side it is pulled less, so it stays behind. Both are bulges, and the earth turns under them once a day.";

pub(super) const MOON: &str = "The sun raises tides too, a bit less than half as high:\n\n- When both pull along one line, at new and full moon, you get **spring tides**.\n- When they pull at right angles, you get **neap tides**.";

pub(super) const LETTER: &str = "> Dear Sir or Madam,\n>\n> my berth, number 14, is mine until the end of March. My boat will not be ready before May. May I keep the berth until then, at the winter rate?\n>\n> Yours faithfully,\n\nShall I make it more formal?";

pub(super) const BOATS: &str =
    "1. *Petrel*, after the bird that seems to walk on water\n2. *Second Wind*\n3. *Sandpiper*";

pub(super) const BRITTANY: &str = "**Saturday:** Saint-Malo, its walls at high tide, and oysters in Cancale.\n\n**Sunday:** the pink granite coast, from Perros-Guirec to Ploumanac’h on foot.";

pub(super) const CHOWDER: &str = "Brown 150 g of bacon, soften two onions in its fat, add 800 g of potatoes and a litre of stock. After 15 minutes add 600 g of clams and 400 ml of cream, and take it off the heat when the clams open.";

pub(super) const TABLES: [(&str, &str); 4] = [
    (
        "How do I read a tide table?",
        "Each line is one tide: its time, its height above chart datum, and whether it is high or low water. Between two lines the tide runs from one to the other.",
    ),
    (
        "What is chart datum?",
        "The level that depths on a chart are counted from. It is about the lowest tide there is, so that there is nearly always more water than the chart says.",
    ),
    (
        "And the rule of twelfths?",
        "In the six hours of a tide the water rises by 1, 2, 3, 3, 2 and 1 twelfths of the range. It runs fastest in the middle, and hardly at all at the turn of the tide.",
    ),
    (
        "So with a range of 6 m, how much after two hours?",
        "Three twelfths of 6 m: **1.5 m**. In the third hour alone the tide brings as much again.",
    ),
];

/// Whatever may be too wide for its place.
pub(super) fn overlong(word: &str) -> String {
    format!(
        "# A heading with {word} in it\n\nSo does {word}.\n\n| Word | {word} |\n|---|---|\n| {word} | short |\n\n\
         ```\nlet one_line = \"{word}\";\n```\n\n`{word}`\n\nhttps://words.example/{word}\n\n$$a_1 + a_2 + a_3 + a_4 + a_5 + \
         a_6 + a_7 + a_8 + a_9 + a_{{10}} + a_{{11}} + a_{{12}} + a_{{13}} + a_{{14}} + a_{{15}} + a_{{16}} + a_{{17}} + a_{{18}} + \
         a_{{19}} + a_{{20}} + a_{{21}} + a_{{22}} + a_{{23}} + a_{{24}} + a_{{25}} = \\sum_{{i=1}}^{{25}} a_i$$\n"
    )
}
