// Where a point of the average head (metres, the origin between the eyes) lies on the person's painted maps: a cylinder
// around the head's axis, finer in front. models/people/rasteriser.py does the same in NumPy.
vec2 place(vec3 rest) {
    float turn = atan(rest.x, 0.06 - rest.y) / 3.14159265;
    float t = abs(turn);
    return vec2(0.5 + 0.5 * sign(turn) * (1.6 * t - 0.6 * t * t), (rest.z + 0.19) / 0.32);
}
