// Same moment as in Conch's page: the next frame shows a text area that can be typed in.
requestAnimationFrame(() => performance.mark("composer-usable"));
