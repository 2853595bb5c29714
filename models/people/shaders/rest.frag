#version 330
in vec3 at;
in vec2 masked;
layout(location = 0) out vec4 place_and_lips;
layout(location = 1) out vec4 more;
void main() {
    place_and_lips = vec4(at, masked.x);
    more = vec4(masked.y, 0.0, 0.0, 1.0);
}
