/** In the reason of a switch: the version that stays where the one that is wanted can't be used. */
export const GOES_ON = "goes on";
